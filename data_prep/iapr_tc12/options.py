"""Options of the preparation of IAPR TC-12."""

from data_prep.options import TOKENIZER, DatasetOptions, Option

OPTIONS = DatasetOptions(
    "iapr_tc12",
    "IAPR TC-12's official files: captions",
    "Unpack iaprtc12.tgz; the folder is the one with annotations_complete_eng/ and images/. For "
    "the splits of earlier work, add iaprtc12_train_list.txt and iaprtc12_test_list.txt.",
    (
        Option(
            "splits",
            "drawn",
            "Splits to use: drawn with a fixed seed, or the lists of earlier work.",
            ("drawn", "lists"),
            is_variant=True,
        ),
        TOKENIZER,
    ),
)
