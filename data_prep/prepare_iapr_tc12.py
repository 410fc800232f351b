"""Reads IAPR TC-12's official files into shards and prints the counts.

python -m data_prep.prepare_iapr_tc12 --raw_dir=downloads/iaprtc12 --data_dir=data

The splits of the shared lists become another data set, `iapr_tc12/lists`: add --splits=lists, and
name it so in --config.data.dataset.
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.command_line import plain_errors
from data_prep.iapr_tc12.iapr_tc12_dataset_builder import LISTS, PUBLISHED, Builder
from data_prep.preparation import prepare
from data_prep.tokenizer_flag import define_tokenizer_flag

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_SPLITS = flags.DEFINE_enum(
    "splits", "drawn", ["drawn", LISTS], "Drawn with a fixed seed, or the lists of earlier work."
)
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_TOKENIZER = define_tokenizer_flag()
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares IAPR TC-12 and prints the published counts beside the found ones."""
    with plain_errors():
        builder = Builder(
            data_dir=_DATA_DIR.value,
            config=LISTS if _SPLITS.value == LISTS else None,
            shorter_side=_SHORTER_SIDE.value,
            tokenizer=_TOKENIZER.value,
        )
        prepare(builder, _RAW_DIR.value, _BEAM.value)
        print(PUBLISHED)


if __name__ == "__main__":
    app.run(main)
