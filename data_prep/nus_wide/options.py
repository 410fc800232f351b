"""What the preparation of NUS-WIDE can be asked for."""

from data_prep.options import DatasetOptions, Option

OPTIONS = DatasetOptions(
    "nus_wide",
    "NUS-WIDE's official files: labels and user tags",
    "Unpack NUS-WIDE.zip, ImageList.zip and NUS_WID_Tags.zip into one folder, so that it holds "
    "ImageList/, ConceptsList/, Groundtruth/ and NUS_WID_Tags/, and the pictures as "
    "Flickr/<folder>/<file> or images/<photo id>.jpg.",
    (
        Option(
            "splits",
            "paper",
            "150,000, 15,000 or the official lists.",
            ("paper", "printed", "official"),
            is_variant=True,
        ),
        Option(
            "user_tags",
            "final",
            "The 5,018 tags, every word, the official 1k, none.",
            ("final", "every", "1k", "none"),
        ),
        Option("validation_share", 0.05, "Of the training size, to validate with."),
        Option(
            "min_share",
            0.9,
            "Go on only where this share of the labelled images has a picture.",
        ),
        Option("seed", 2017, "Of the draw of the splits."),
    ),
)
