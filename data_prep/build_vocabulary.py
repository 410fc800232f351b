"""Counts the words, labels, user tags and groups of a prepared data set again.

Preparation counts the split train. This program counts another split and replaces the lists in the
data set's folder vocabulary/:

  python -m data_prep.build_vocabulary --data_dir=data --dataset=demo --train_split=validation
"""

from collections.abc import Sequence

from absl import flags

from cli import program, shared_flags
from semreg_tf.console import plain_errors

_DATA_DIR = shared_flags.define_data_dir()
_DATASET = flags.DEFINE_string("dataset", None, "Name of the data set.", required=True)
_TRAIN_SPLIT = flags.DEFINE_string(
    "train_split", "train", "Whole split whose words and names are counted."
)


def main(argv: Sequence[str]) -> None:
    """Counts, writes the lists and the counts, and prints the counts."""
    with plain_errors():
        from data_prep.dataset_counts import describe_counts, write_counts
        from data_prep.preparation import preparation_lock
        from data_prep.vocabulary_lists import build_vocabulary
        from semreg_tf.data.dataset_digests import read_counts_file
        from semreg_tf.data.records import find_builder

        builder_dir = find_builder(_DATA_DIR.value, _DATASET.value).data_dir
        with preparation_lock(builder_dir):
            build_vocabulary(builder_dir, _TRAIN_SPLIT.value)
            write_counts(builder_dir)
        print(describe_counts(read_counts_file(builder_dir) or {}))


if __name__ == "__main__":
    program.run(main, stopped="Stopped; the lists that were written are kept.")
