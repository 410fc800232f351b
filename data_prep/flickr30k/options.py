"""What the preparation of Flickr30k can be asked for."""

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
            "The last 1,000 images of the token file test and the 1,000 before validate, or as "
            "listed.",
            ("file_order", "karpathy", "lists"),
            is_variant=True,
        ),
        TOKENIZER,
    ),
)
