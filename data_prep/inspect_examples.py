"""Shows the contents of a prepared data set: counts, frequencies and a contact sheet.

python -m data_prep.inspect_examples --data_dir=data --dataset=demo --split=train --out=sheet.png
"""

from collections.abc import Sequence

from absl import flags

from cli import program, shared_flags
from semreg_tf.console import plain_errors

_DATA_DIR = shared_flags.define_data_dir()
_DATASET = flags.DEFINE_string("dataset", None, "Name of the data set.", required=True)
_SPLIT = flags.DEFINE_string("split", "train", "Split to inspect.")
_TOP = flags.DEFINE_integer(
    "top", 20, "Number of names of each kind to print; 0: all.", lower_bound=0
)
_OUT = flags.DEFINE_string(
    "out", None, "PNG file for the contact sheet; without it no sheet is drawn."
)
_NUMBER = flags.DEFINE_integer("number", 24, "Pictures on the sheet.", lower_bound=1)
_COLUMNS = flags.DEFINE_integer("columns", 6, "Pictures in a row.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the choice of pictures.", lower_bound=0)
_FONT = flags.DEFINE_string(
    "font", None, "TrueType font of the sheet, needed for texts that are not ASCII."
)


def main(argv: Sequence[str]) -> None:
    """Prints the counts and the tables, and draws the sheet."""
    with plain_errors():
        from data_prep.contact_sheet import draw_contact_sheet
        from data_prep.dataset_counts import describe_counts
        from data_prep.example_summary import describe_split
        from data_prep.stored_images import sample_images
        from semreg_tf.data.annotations import read_annotations
        from semreg_tf.data.dataset_digests import read_counts_file
        from semreg_tf.data.records import find_builder

        builder = find_builder(_DATA_DIR.value, _DATASET.value)
        annotations = read_annotations(builder.data_dir, _SPLIT.value)
        print(describe_counts(read_counts_file(builder.data_dir) or {}))
        print(f"\nsplit {_SPLIT.value}: {len(annotations):,} images")
        print(describe_split(annotations, _TOP.value))
        if _OUT.value is not None:
            images = sample_images(builder, _SPLIT.value, _NUMBER.value, _SEED.value)
            title = f"{builder.info.full_name}, {_SPLIT.value}: "
            title += f"{len(images):,} of {len(annotations):,} images"
            sheet = draw_contact_sheet(images, title, _COLUMNS.value, _FONT.value)
            sheet.save(_OUT.value, "PNG")
            print(f"\n{_OUT.value}: {title}")


if __name__ == "__main__":
    program.run(main)
