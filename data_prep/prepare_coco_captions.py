"""Reads COCO's captions of 2014 into shards and prints the counts.

python -m data_prep.prepare_coco_captions --raw_dir=downloads/coco --data_dir=data

Karpathy's splits become another data set, `coco_captions/karpathy`: add --splits=karpathy, and
--config.data.dataset=coco_captions/karpathy in training.
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.coco_captions.coco_captions_dataset_builder import KARPATHY, PUBLISHED, Builder
from data_prep.command_line import plain_errors
from data_prep.preparation import prepare
from data_prep.tokenizer_flag import define_tokenizer_flag

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_SPLITS = flags.DEFINE_enum("splits", "im2txt", ["im2txt", KARPATHY], "Whose splits.")
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_TOKENIZER = define_tokenizer_flag()
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares COCO captions and prints the published counts beside the found ones."""
    with plain_errors():
        variant = _SPLITS.value if _SPLITS.value == KARPATHY else None
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
