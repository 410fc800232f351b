"""Options of the preparation of Flickr30k."""

from data_prep.options import TOKENIZER, DatasetOptions, Option

OPTIONS = DatasetOptions(
    "flickr30k",
    "Flickr30k's official files: captions",
    "Unpack flickr30k.tar.gz and flickr30k-images.tar into one folder, so that it holds "
    "results_20130124.token and flickr30k-images/; for other splits, add dataset_flickr30k.json or "
    "train.txt, val.txt, test.txt.",
    (
        Option(
            "splits",
            "file_order",
            "Splits to use; file_order: the last 1,000 images of the token file are the test "
            "images, the 1,000 before them the validation images.",
            ("file_order", "karpathy", "lists"),
            is_variant=True,
        ),
        TOKENIZER,
    ),
)
