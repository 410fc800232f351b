"""Options of the preparation of COCO's captions."""

from data_prep.options import TOKENIZER, DatasetOptions, Option

OPTIONS = DatasetOptions(
    "coco_captions",
    "COCO's captions of 2014",
    "Unpack annotations_trainval2014.zip, train2014.zip and val2014.zip into one folder; for "
    "Karpathy's splits, add dataset_coco.json of his caption_datasets.zip.",
    (
        Option("splits", "im2txt", "Splits to use.", ("im2txt", "karpathy"), is_variant=True),
        TOKENIZER,
    ),
)
