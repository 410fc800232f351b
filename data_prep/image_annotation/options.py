"""Options of the preparation of Corel-5k, ESP Game and IAPR TC-12."""

from data_prep.options import DatasetOptions, Option

OPTIONS = DatasetOptions(
    "image_annotation",
    "Corel-5k, ESP Game or IAPR TC-12 as labelled pictures",
    "Put the pictures into images/ and beside it either train.json, test.json and "
    "*_vocabulary.txt, or *_train_list.txt, *_test_list.txt, *_dictionary.txt and "
    "*_{train,test}_annot.hvecs.",
    (
        Option(
            "variant",
            None,
            "The data set in the folder.",
            ("corel5k", "esp_game", "iapr_tc12"),
            required=True,
            is_variant=True,
        ),
        Option("validation_images", 500, "Training images that become the validation split."),
        Option("seed", 0, "Seed of the draw of the validation split."),
    ),
)
