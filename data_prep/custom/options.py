"""Options of the preparation of your own pictures."""

from pathlib import Path

from data_prep.options import TOKENIZER, DatasetOptions, Option

# Its path differs between a checkout and an installed package.
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
            "JSON Lines or CSV file, or with --format=coco comma-separated JSON files. "
            "[annotations.jsonl or .csv in --raw_dir]",
        ),
        Option(
            "format",
            "auto",
            "Source of annotations: lines, JSON Lines or CSV; coco, COCO's JSON; keywords, XMP or "
            "IPTC in the pictures or .xmp files; folders, one sub-folder per label; auto, the "
            "first of lines, keywords and folders that exists, but folders before keywords of "
            "fewer than half of the pictures.",
            ("auto", "lines", "coco", "keywords", "folders"),
        ),
        Option(
            "validation_share",
            0.1,
            "Fraction of pictures for validation; unused if the file has splits.",
        ),
        Option("test_share", 0.1, "Fraction of pictures for the test split, likewise."),
        Option("seed", 2017, "Seed of the random splits."),
        Option(
            "skip_bad_pictures", False, "Leave out, and count, missing and unreadable pictures."
        ),
        TOKENIZER,
    ),
)
