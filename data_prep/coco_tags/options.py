"""Options of the preparation of COCO's object classes."""

from data_prep.options import DatasetOptions, Option

OPTIONS = DatasetOptions(
    "coco_tags",
    "COCO's object classes as labels, with user tags if fetched",
    "Unpack annotations_trainval2014.zip, train2014.zip and val2014.zip into one folder (or those "
    "of 2017, for that variant).",
    (
        Option(
            "variant",
            "2014",
            "Which images of COCO.",
            ("2014", "2017", "coco128"),
            is_variant=True,
        ),
        Option(
            "keep_without_objects",
            False,
            "Keep images without any object. Left out by default: the paper's recall of an image "
            "divides by the number of its labels.",
        ),
        Option("user_tags_file", None, "File of user tags that fetch_flickr_tags wrote."),
    ),
)
