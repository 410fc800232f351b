"""What the preparation of your own pictures can be asked for."""

from pathlib import Path

from data_prep.options import TOKENIZER, DatasetOptions, Option

# An installed package has it elsewhere than a checkout.
FORMAT = Path(__file__).with_name("README.md")
DEFAULT_FILES = ("annotations.jsonl", "annotations.csv")
OPTIONS = DatasetOptions(
    "custom",
    "your own pictures, with a file of captions or labels, keywords in them, or a folder a label",
    "The folder of the pictures, with subfolders if you like; annotations.jsonl or "
    f"annotations.csv beside them, or what --format reads. The format: {FORMAT}.",
    (
        Option(
            "annotations",
            None,
            "JSON Lines or CSV file, or with --format=coco JSON files parted by commas. "
            "[annotations.jsonl or .csv in --raw_dir]",
        ),
        Option(
            "format",
            "auto",
            "What says what is on the pictures: lines, JSON Lines or CSV; coco, COCO's JSON; "
            "keywords, XMP or IPTC in the pictures or .xmp beside them; folders, one sub-folder a "
            "label; auto, the first of lines, keywords and folders that is there.",
            ("auto", "lines", "coco", "keywords", "folders"),
        ),
        Option(
            "validation_share",
            0.1,
            "Share of pictures to validate with; unused if the file has splits.",
        ),
        Option("test_share", 0.1, "The same for the test."),
        Option("seed", 2017, "Of the draw of the splits."),
        Option(
            "skip_bad_pictures", False, "Leave out, and count, missing and unreadable pictures."
        ),
        TOKENIZER,
    ),
)
