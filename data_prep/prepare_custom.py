"""Checks your own annotated pictures, every line at once, and makes shards of them.

python -m data_prep.prepare_custom --raw_dir=pictures --data_dir=data
python -m data_prep.prepare_custom --raw_dir=pictures --annotations=photos.csv --check_only

The format: data_prep/custom/README.md. Then train with --experiment=custom_tags/s_cnn_rnn or
--experiment=custom_captions/s_cnn_rnn.
"""

from collections.abc import Sequence

from absl import app, flags

from data_prep.beam_flags import define_beam_flag
from data_prep.command_line import plain_errors
from data_prep.custom.custom_dataset_builder import Builder, find_annotations
from data_prep.preparation import prepare
from data_prep.tokenizer_flag import define_tokenizer_flag

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the shards go.")
_RAW_DIR = flags.DEFINE_string("raw_dir", None, "The folder of the pictures.", required=True)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations", None, "JSON Lines or CSV file. [annotations.jsonl or .csv in --raw_dir]"
)
_VALIDATION_SHARE = flags.DEFINE_float(
    "validation_share", 0.1, "Share of pictures to validate with; unused if the file has splits."
)
_TEST_SHARE = flags.DEFINE_float("test_share", 0.1, "The same for the test.")
_SEED = flags.DEFINE_integer("seed", 2017, "Of the draw of the splits.")
_SKIP = flags.DEFINE_bool(
    "skip_bad_pictures", False, "Leave out, and count, missing and unreadable pictures."
)
_CHECK_ONLY = flags.DEFINE_bool("check_only", False, "Say what is wrong, and prepare nothing.")
_SHORTER_SIDE = flags.DEFINE_integer(
    "shorter_side", None, "Shrink larger pictures to this many pixels at their shorter side."
)
_TOKENIZER = define_tokenizer_flag()
_BEAM = define_beam_flag()


def main(argv: Sequence[str]) -> None:
    """Checks, prepares and prints the counts."""
    with plain_errors():
        if _DATA_DIR.value is None and not _CHECK_ONLY.value:
            raise ValueError("`data_dir` must say where the shards go. Received: data_dir=None")
        builder = Builder(
            annotations=find_annotations(_RAW_DIR.value, _ANNOTATIONS.value),
            validation_share=_VALIDATION_SHARE.value,
            test_share=_TEST_SHARE.value,
            seed=_SEED.value,
            skip_bad_pictures=_SKIP.value,
            shorter_side=_SHORTER_SIDE.value,
            tokenizer=_TOKENIZER.value,
            data_dir=_DATA_DIR.value,
        )
        if _CHECK_ONLY.value:
            builder.check_raw_files(_RAW_DIR.value)
            print("No problem was found.")
        else:
            prepare(builder, _RAW_DIR.value, _BEAM.value)


if __name__ == "__main__":
    app.run(main)
