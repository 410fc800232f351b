"""Reads NUS-WIDE's official files into shards and prints the published counts beside the found.

python -m data_prep.prepare_nus_wide --raw_dir=downloads/nus_wide --data_dir=data

The other splits become data sets of their own, `nus_wide/printed` and `nus_wide/official`: add
--splits=printed or --splits=official, and --config.data.dataset=nus_wide/official in training.
"""

from collections.abc import Sequence
from typing import get_args

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.command_line import plain_errors
from data_prep.nus_wide.nus_wide_dataset_builder import OFFICIAL, PRINTED, Builder
from data_prep.nus_wide.published import describe_raw_counts
from data_prep.nus_wide.raw_set import UserTags
from data_prep.preparation import prepare

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_SPLITS = flags.DEFINE_enum(
    "splits", "paper", ["paper", PRINTED, OFFICIAL], "150,000, 15,000 or the official lists."
)
_USER_TAGS = flags.DEFINE_enum(
    "user_tags", "final", get_args(UserTags), "The 5,018 tags, every word, the official 1k, none."
)
_VALIDATION_SHARE = flags.DEFINE_float(
    "validation_share", 0.05, "Of the training size, to validate with."
)
_MIN_SHARE = flags.DEFINE_float(
    "min_share", 0.9, "Go on only where this share of the labelled images has a picture."
)
_SEED = flags.DEFINE_integer("seed", 2017, "Of the draw of the splits.")
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares NUS-WIDE."""
    with plain_errors():
        builder = Builder(
            data_dir=_DATA_DIR.value,
            config=_SPLITS.value if _SPLITS.value != "paper" else None,
            user_tags=_USER_TAGS.value,
            validation_share=_VALIDATION_SHARE.value,
            min_share=_MIN_SHARE.value,
            seed=_SEED.value,
            shorter_side=_SHORTER_SIDE.value,
        )
        prepare(builder, _RAW_DIR.value, _BEAM.value)
        print(describe_raw_counts(builder.info.metadata["raw_counts"]))


if __name__ == "__main__":
    app.run(main)
