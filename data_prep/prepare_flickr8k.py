"""Reads Flickr8k's official files into shards and prints the counts.

python -m data_prep.prepare_flickr8k --raw_dir=downloads/flickr8k --data_dir=data
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.command_line import plain_errors
from data_prep.flickr8k.flickr8k_dataset_builder import Builder
from data_prep.preparation import prepare
from data_prep.tokenizer_flag import define_tokenizer_flag

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_TOKENIZER = define_tokenizer_flag()
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares Flickr8k."""
    with plain_errors():
        prepare(
            Builder(
                data_dir=_DATA_DIR.value,
                shorter_side=_SHORTER_SIDE.value,
                tokenizer=_TOKENIZER.value,
            ),
            _RAW_DIR.value,
            _BEAM.value,
        )


if __name__ == "__main__":
    app.run(main)
