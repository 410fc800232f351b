"""Reads Flickr30k's official files into shards and prints the counts.

python -m data_prep.prepare_flickr30k --raw_dir=downloads/flickr30k --data_dir=data

Other splits become data sets of their own, `flickr30k/karpathy` and `flickr30k/lists`: add
--splits, and name them so in --config.data.dataset.
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.command_line import plain_errors
from data_prep.flickr30k.flickr30k_dataset_builder import PUBLISHED, Builder
from data_prep.preparation import prepare
from data_prep.tokenizer_flag import define_tokenizer_flag

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_SPLITS = flags.DEFINE_enum(
    "splits",
    "file_order",
    ["file_order", *(variant.name for variant in Builder.VARIANTS)],
    "The last 1,000 images of the token file test and the 1,000 before validate, or as listed.",
)
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_TOKENIZER = define_tokenizer_flag()
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares Flickr30k and prints the published counts beside the found ones."""
    with plain_errors():
        variant = None if _SPLITS.value == "file_order" else _SPLITS.value
        builder = Builder(
            data_dir=_DATA_DIR.value,
            config=variant,
            shorter_side=_SHORTER_SIDE.value,
            tokenizer=_TOKENIZER.value,
        )
        prepare(builder, _RAW_DIR.value, _BEAM.value)
        print(PUBLISHED)


if __name__ == "__main__":
    app.run(main)
