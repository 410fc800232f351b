"""Draws the demo data set: 2,000 scenes with captions, labels and user tags; no download.

python -m data_prep.prepare_demo --data_dir=data
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.command_line import plain_errors
from data_prep.demo.demo_dataset_builder import Builder
from data_prep.preparation import prepare

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)


def main(argv: Sequence[str]) -> None:
    """Prepares the demo and prints its counts."""
    with plain_errors():
        prepare(Builder(data_dir=_DATA_DIR.value))


if __name__ == "__main__":
    app.run(main)
