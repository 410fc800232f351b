"""Reads Corel-5k, ESP Game or IAPR TC-12 as labelled pictures into shards, prints the counts.

python -m data_prep.prepare_image_annotation --variant=corel5k --raw_dir=downloads/corel5k \
  --data_dir=data

Each set becomes a data set of its own, `image_annotation/corel5k` and so on: name it so in
--config.data.dataset. A part whose annotations are missing is left out with a line.
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.command_line import plain_errors
from data_prep.image_annotation.image_annotation_dataset_builder import Builder
from data_prep.image_annotation.published import describe_raw_counts
from data_prep.preparation import prepare

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_VARIANT = flags.DEFINE_enum(
    "variant", None, [v.name for v in Builder.VARIANTS], "Which set it is.", required=True
)
_VALIDATION_IMAGES = flags.DEFINE_integer(
    "validation_images", 500, "Training images that become the validation split."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the draw of the validation split.")
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares a set and prints its published counts beside those found."""
    with plain_errors():
        builder = Builder(
            data_dir=_DATA_DIR.value,
            config=_VARIANT.value,
            validation_images=_VALIDATION_IMAGES.value,
            seed=_SEED.value,
            shorter_side=_SHORTER_SIDE.value,
        )
        prepare(builder, _RAW_DIR.value, _BEAM.value)
        print(describe_raw_counts(_VARIANT.value, builder.info.metadata.get("raw_counts", {})))


if __name__ == "__main__":
    app.run(main)
