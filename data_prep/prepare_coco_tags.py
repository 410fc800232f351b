"""Reads COCO's object classes as labels into shards and prints the counts.

python -m data_prep.prepare_coco_tags --raw_dir=downloads/coco --data_dir=data

With the user tags of fetch_flickr_tags, add --user_tags_file=downloads/coco/user_tags.jsonl. The
variants become data sets of their own, `coco_tags/2017` and `coco_tags/coco128`: name them so in
--config.data.dataset. coco128 has no split but train.
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.coco_tags.coco_tags_dataset_builder import (
    PUBLISHED,
    Builder,
    describe_raw_counts,
)
from data_prep.command_line import plain_errors
from data_prep.preparation import prepare

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.", required=True)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, Builder.MANUAL_DOWNLOAD_INSTRUCTIONS, required=True)
_VARIANT = flags.DEFINE_enum(
    "variant", "2014", ["2014", *(v.name for v in Builder.VARIANTS)], "Which images of COCO."
)
_KEEP_WITHOUT_OBJECTS = flags.DEFINE_bool(
    "keep_without_objects",
    False,
    "Keep images without any object. Left out by default: the paper's recall of an image divides "
    "by the number of its labels.",
)
_USER_TAGS_FILE = flags.DEFINE_string("user_tags_file", None, "What fetch_flickr_tags wrote.")
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Prepares COCO tags and prints the counts of 2014 that are published beside those found."""
    with plain_errors():
        builder = Builder(
            data_dir=_DATA_DIR.value,
            config=None if _VARIANT.value == "2014" else _VARIANT.value,
            keep_without_objects=_KEEP_WITHOUT_OBJECTS.value,
            user_tags_file=_USER_TAGS_FILE.value,
            shorter_side=_SHORTER_SIDE.value,
        )
        prepare(builder, _RAW_DIR.value, _BEAM.value)
        print(describe_raw_counts(builder.info.metadata.get("raw_counts", {})))
        if _VARIANT.value == "2014":
            print(PUBLISHED)


if __name__ == "__main__":
    app.run(main)
