"""The vocabularies of a model: output tokens, concepts, user tags and groups (Sec. 4.1, 5.1).

A data set's folder holds complete lists of names; a work directory holds the lists limited by its
config, so that weights are always accompanied by their vocabularies.
"""

import dataclasses
import functools
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from semreg_tf.config import DataConfig
from semreg_tf.data.concept_choice import (
    FORMS_FILE,
    ConceptForms,
    lemma_concepts,
    listed_concepts,
)
from semreg_tf.data.dataset_digests import VOCABULARY_DIR, check_dataset_files
from semreg_tf.data.name_list import NameList, names_digest, read_names, write_names
from semreg_tf.data.text import is_punctuation

UNKNOWN = "<unk>"
# Sec. 5.1: the 1,000 most frequent words, unless the config sets the number.
DEFAULT_CAPTION_CONCEPTS = 1_000

Kind = Literal["words", "labels"]


@dataclass(frozen=True)
class Vocabulary:
    """The ids of a decoder's tokens.

    Labels: 0 .. n-1, then END, so 81 labels give 82 outputs. Words: 0 .. m-1, then UNK, then END.
    START follows all outputs and is only an input. There is no padding id: padded positions hold
    END and are masked.

    Example:
      >>> words = Vocabulary(NameList(("a", "dog"), (9, 4)), "words")
      >>> words.encode(["a", "cat"]).tolist(), words.end_id, words.start_id
      ([0, 2], 3, 4)
    """

    entries: NameList
    kind: Kind

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"`kind` must be 'words' or 'labels'. Received: kind={self.kind!r}")
        if not len(self.entries):
            raise ValueError("`entries` must hold at least one name. Received: none")

    @property
    def names(self) -> tuple[str, ...]:
        """The words or labels, by id."""
        return self.entries.names

    @property
    def row_texts(self) -> tuple[str, ...]:
        """The text of every output: UNK and END, which have none, are as an unknown word."""
        return self.names + (UNKNOWN,) * (self.size - len(self.names))

    @property
    def counts(self) -> tuple[int, ...]:
        """The training counts of the words or labels, by id."""
        return self.entries.counts

    @property
    def unknown_id(self) -> int | None:
        """The id of words outside the vocabulary; labels have none."""
        return len(self.entries) if self.kind == "words" else None

    @property
    def end_id(self) -> int:
        """The id of END, the last output."""
        return len(self.entries) + (self.kind == "words")

    @property
    def size(self) -> int:
        """The number of outputs."""
        return self.end_id + 1

    @property
    def start_id(self) -> int:
        """The id of START, which is only an input."""
        return self.size

    @property
    def input_size(self) -> int:
        """The number of rows of the input embedding."""
        return self.size + 1

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Returns the ids of words or labels, without START and END.

        Returns:
          int32 array, (tokens,).

        Raises:
          ValueError: a label is not in the vocabulary (an unknown word becomes `unknown_id`).
        """
        index, unknown, tokens = self.entries.index, self.unknown_id, list(tokens)
        ids = [index.get(token, unknown) for token in tokens]
        if None in ids:
            raise ValueError(
                "`tokens` must be labels of the vocabulary. Received: "
                f"{next(token for token in tokens if token not in index)!r}"
            )
        return np.asarray(ids, np.int32)

    def decode(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Returns the tokens before the first END or negative id.

        Raises:
          ValueError: an id is not an output of this vocabulary.
        """
        tokens = []
        for token_id in np.asarray(ids).tolist():
            if token_id < 0 or token_id == self.end_id:
                break
            if token_id >= self.size:
                raise ValueError(f"`ids` must be below {self.size}. Received: {token_id}")
            tokens.append(UNKNOWN if token_id == self.unknown_id else self.names[token_id])
        return tokens

    def save(self, path: str | PathLike[str]) -> None:
        """Writes a header line with the kind, then `name<TAB>count` lines."""
        write_names(path, self.kind, self.entries)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Vocabulary":
        """Reads a file that `save` wrote.

        Raises:
          ValueError: the file is not a vocabulary; the message gives path and line.
        """
        kind, entries = read_names(path, get_args(Kind))
        return cls(entries, kind)


# Lists of names besides the output, each in a file `<list>.txt`; only the first is always there.
_LISTS = ("concepts", "user_tags", "groups", "labels")


@dataclass(frozen=True)
class Vocabularies:
    """All names of one experiment: outputs, concepts, user tags, groups, and labels beside words.

    `forms` says which words of captions stand for a concept, where not its name alone does.
    """

    output: Vocabulary
    concepts: NameList
    user_tags: NameList | None = None
    groups: NameList | None = None
    labels: NameList | None = None
    forms: ConceptForms | None = None

    @functools.cached_property
    def concept_ids(self) -> dict[str, int]:
        """The concept id of each word or label that stands for a concept."""
        index = self.concepts.index
        if self.forms is None:
            return index
        return {form: index[name] for form, name in self.forms.concepts.items()}

    def save(self, workdir: str | PathLike[str]) -> None:
        """Writes vocabulary.txt and a file for each further list, such as concepts.txt."""
        self.output.save(os.path.join(workdir, "vocabulary.txt"))
        for name, entries in self._lists().items():
            entries.save(os.path.join(workdir, name))
        if self.forms is not None:
            self.forms.save(workdir)

    def _lists(self) -> dict[str, NameList]:
        """Returns the lists that are not None, by file name."""
        lists = {f"{name}.txt": getattr(self, name) for name in _LISTS}
        return {name: entries for name, entries in lists.items() if entries is not None}

    def digests(self) -> dict[str, str]:
        """Returns the SHA-256 of each file that `save` writes, by its name."""
        lists = {name: names_digest("names", entries) for name, entries in self._lists().items()}
        forms = {} if self.forms is None else {FORMS_FILE: self.forms.digest()}
        output = names_digest(self.output.kind, self.output.entries)
        return {"vocabulary.txt": output, **lists, **forms}

    @classmethod
    def load(cls, workdir: str | PathLike[str]) -> "Vocabularies":
        """Reads the files that `save` wrote.

        Raises:
          ValueError: a file is missing or damaged.
        """
        concepts, *others = (os.path.join(workdir, f"{name}.txt") for name in _LISTS)
        return cls(
            Vocabulary.load(os.path.join(workdir, "vocabulary.txt")),
            NameList.load(concepts),
            *(NameList.load(path) if tf.io.gfile.exists(path) else None for path in others),
            ConceptForms.load(workdir),
        )

    @classmethod
    def from_dataset(
        cls,
        builder_dir: str | PathLike[str],
        data_config: DataConfig,
        extra_counts: Mapping[str, int] | None = None,
    ) -> "Vocabularies":
        """Builds the vocabularies of a config from a prepared data set (Sec. 4.1, 4.2, 5.1).

        The concepts of a captioner are the most frequent words of its vocabulary, by default
        without punctuation. The concepts of a tagger are all labels, or with `labels_from`
        "captions" those of a captioner. If there are fewer names than the config asks for, all are
        used.

        Args:
          builder_dir: the version folder that holds `vocabulary/`.
          data_config: `task`, `labels_from`, `min_word_count`, `max_vocab_size`, `num_concepts`,
            `concept_words`, `concept_list`, `train_split` (whose captions are lemmatised),
            `num_user_tags` and `num_groups` are read.
          extra_counts: word counts of captions without images, which are added for a captioner's
            vocabulary, but not for its concepts.

        Raises:
          ValueError: the data set lacks captions, labels, user tags or groups that the config
            needs, or `num_concepts` is not the number of a tagger's labels.
        """
        if data_config.task == "captions":
            words = load_dataset_names(builder_dir, "words")
            output, concepts = _caption_names(words, data_config, extra_counts)
            concepts, forms = _chosen(builder_dir, data_config, words, concepts)
        elif data_config.labels_from == "captions":
            words = load_dataset_names(builder_dir, "words")
            concepts = _caption_names(words, data_config)[1]
            concepts, forms = _chosen(builder_dir, data_config, words, concepts)
            # Imported here, because serving a model must not import the reader of records.
            from semreg_tf.data.targets import counted_by_image

            concepts = counted_by_image(builder_dir, data_config.train_split, concepts, forms)
            output = Vocabulary(concepts, "labels")
        else:
            output, concepts = _tag_names(load_dataset_names(builder_dir, "labels"), data_config)
            forms = None
        side = (_side_names(builder_dir, data_config, kind) for kind in ("user_tags", "groups"))
        return cls(output, concepts, *side, forms=forms)

    def with_labels(self, builder_dir: str | PathLike[str]) -> "Vocabularies":
        """Returns a captioner's names with the data set's labels, which it lists as well.

        Raises:
          ValueError: the data has no labels.
        """
        labels = load_dataset_names(builder_dir, "labels")
        if not len(labels):
            raise ValueError(
                "`labels` must be None for a data set without labels. "
                f"Received: a data set in {os.fspath(builder_dir)!r}"
            )
        return dataclasses.replace(self, labels=labels)

    def of_labels(self) -> "Vocabularies":
        """Returns the names of the tag model inside a model of captions and labels.

        Raises:
          ValueError: there are no labels.
        """
        if self.labels is None:
            raise ValueError(
                "`vocabularies` must have labels beside words. Received: a captioner's alone"
            )
        return Vocabularies(Vocabulary(self.labels, "labels"), self.labels)

    def difference(self, other: "Vocabularies") -> str | None:
        """Returns the first difference to `other` in names or order as one line, or None."""
        if self.output.kind != other.output.kind:
            return f"output of {self.output.kind} and of {other.output.kind}"
        for field in ("output", *_LISTS):
            title, lists = field.replace("_", " "), (getattr(self, field), getattr(other, field))
            ours, theirs = (entries.names if entries else () for entries in lists)
            if len(ours) != len(theirs):
                return f"{title}: {len(ours)} names and {len(theirs)}"
            for i, (name, other_name) in enumerate(zip(ours, theirs, strict=True)):
                if name != other_name:
                    return f"{title}: number {i} is {name!r} and {other_name!r}"
        if self.forms != other.forms:
            return "the words that stand for a concept"
        return None


def load_dataset_names(builder_dir: str | PathLike[str], kind: str) -> NameList:
    """Reads one of a prepared data set's lists and verifies its digest.

    Args:
      builder_dir: the version folder that holds `vocabulary/`.
      kind: "words", "labels", "user_tags" or "groups".

    Raises:
      ValueError: the file is missing, damaged, or changed since preparation.
    """
    name = f"{VOCABULARY_DIR}/{kind}.txt"
    check_dataset_files(builder_dir, name)
    return NameList.load(os.path.join(builder_dir, name))


def _side_names(
    builder_dir: str | PathLike[str], data_config: DataConfig, kind: str
) -> NameList | None:
    number = getattr(data_config, f"num_{kind}")
    if not number:
        return None
    names = load_dataset_names(builder_dir, kind).head(number)
    if not len(names):
        raise ValueError(
            f"`data.num_{kind}` must be 0 for a data set without {kind.replace('_', ' ')}. "
            f"Received: data.num_{kind}={number}"
        )
    return names


def _caption_names(
    words: NameList, data_config: DataConfig, extra_counts: Mapping[str, int] | None = None
) -> tuple[Vocabulary, NameList]:
    dataset_words = _frequent(words, data_config)
    vocabulary = dataset_words
    if extra_counts:
        counts = Counter(words.count_of)
        counts.update(extra_counts)
        vocabulary = _frequent(NameList.from_counts(counts), data_config)
    if not len(vocabulary):
        raise ValueError(
            f"`data.task` 'captions' needs words that occur {data_config.min_word_count} times "
            "in the training captions (`data.min_word_count`). Received: a data set with "
            f"{len(words)} words, none of them so frequent"
        )
    all_tokens = data_config.concept_words == "all_tokens"
    concepts = dataset_words.where(
        lambda word, _: word in vocabulary.index and (all_tokens or not is_punctuation(word))
    )
    return (
        Vocabulary(vocabulary, "words"),
        concepts.head(data_config.num_concepts or DEFAULT_CAPTION_CONCEPTS),
    )


def _chosen(
    builder_dir: str | PathLike[str], data_config: DataConfig, words: NameList, frequent: NameList
) -> tuple[NameList, ConceptForms | None]:
    """Returns the concepts that the config chooses; by default the frequent words."""
    number = data_config.num_concepts
    if data_config.concept_list is not None:
        return listed_concepts(data_config.concept_list, words, number)
    if data_config.concept_words != "lemmas":
        return frequent, None
    # Imported here, because serving a model must not import the reader of records.
    from semreg_tf.data.annotations import read_annotations

    split = data_config.train_split.partition("[")[0]
    captions = (" ".join(t) for a in read_annotations(builder_dir, split) for t in a.tokens)
    return lemma_concepts(captions, words, number or DEFAULT_CAPTION_CONCEPTS)


def _frequent(words: NameList, data_config: DataConfig) -> NameList:
    """Returns the words with at least `min_word_count`, at most as many as `max_vocab_size`."""
    vocabulary = words.where(lambda _, count: count >= data_config.min_word_count)
    if data_config.max_vocab_size is None:
        return vocabulary
    return vocabulary.head(data_config.max_vocab_size - 2)


def _tag_names(labels: NameList, data_config: DataConfig) -> tuple[Vocabulary, NameList]:
    if not len(labels):
        raise ValueError(
            "`data.task` must be 'captions' for a data set without labels. "
            "Received: data.task='tags'"
        )
    if data_config.num_concepts not in (None, len(labels)):
        raise ValueError(
            "`data.num_concepts` must be None for tags: every label is a concept, here "
            f"{len(labels)}. Received: data.num_concepts={data_config.num_concepts}"
        )
    return Vocabulary(labels, "labels"), labels
