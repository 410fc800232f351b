"""Options of the preparation of NUS-WIDE."""

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
            "Splits to use: 150,000 or 15,000 training images, or the official lists.",
            ("paper", "printed", "official"),
            is_variant=True,
        ),
        Option(
            "user_tags",
            "final",
            "Stored tags: the 5,018 of the final list, every word, the official 1,000, or none.",
            ("final", "every", "1k", "none"),
        ),
        Option(
            "validation_share", 0.05, "Size of the validation split, a share of the training split."
        ),
        Option(
            "min_share",
            0.9,
            "Smallest share of the labelled images that must have a picture.",
        ),
        Option("seed", 2017, "Seed of the draw of the splits."),
    ),
)
