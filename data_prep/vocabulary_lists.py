"""Lists of all words, labels, user tags and groups of a data set, in `vocabulary/`."""

import collections
import os
from os import PathLike

from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.name_list import NameList
from semreg_tf.data.records import open_builder
from semreg_tf.data.vocabulary import VOCABULARY_DIR


def build_vocabulary(
    builder_dir: str | PathLike[str], train_split: str = "train"
) -> dict[str, NameList]:
    """Counts names in the training split and writes `vocabulary/{words,labels,...}.txt`.

    The lists are complete; the config of a model sets how many names it uses. Labels that do not
    occur in the training split are listed with the count 0, because they are classes too.

    Returns:
      "words", "labels", "user_tags" or "groups" -> list, by decreasing count, then by name.

    Raises:
      ValueError: there is no such split.
    """
    info = open_builder(builder_dir).info
    words, labels, user_tags, groups = (collections.Counter[str]() for _ in range(4))
    for annotation in read_annotations(builder_dir, train_split):
        for tokens in annotation.tokens:
            words.update(tokens)
        labels.update(annotation.labels)
        user_tags.update(annotation.user_tags)
        groups.update(annotation.groups)
    known = set(info.metadata["label_names"]) if "label_names" in info.metadata else set()
    for split in info.splits:
        known.update(*(annotation.labels for annotation in read_annotations(builder_dir, split)))
    labels.update(dict.fromkeys(known, 0))
    counters = {"words": words, "labels": labels, "user_tags": user_tags, "groups": groups}
    lists = {kind: NameList.from_counts(counter) for kind, counter in counters.items()}
    for kind, names in lists.items():
        names.save(os.path.join(builder_dir, VOCABULARY_DIR, f"{kind}.txt"))
    return lists
