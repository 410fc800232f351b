"""Table 1's systems on other annotation data sets: Corel-5k, ESP Game and IAPR TC-12."""

from typing import Any

from semreg_tf.config import Config, EncoderConfig, ImageConfig
from semreg_tf.experiments.changes import setting, with_fields
from semreg_tf.experiments.tagging import (
    RMSPROP_WITH_MOMENTUM,
    concept_layers,
    fixed,
    tag_base,
    tag_systems,
)

_BATCH = 32
# Training images without the 500 of the validation split.
_TRAIN_IMAGES = {"corel5k": 4_000, "esp_game": 18_189, "iapr_tc12": 17_165}


def annotation_set(name: str) -> Config:
    """Returns the proposed model on one of the three data sets; steps and rates are ours.

    The prediction layer is first trained on cached features; then the CNN is fine-tuned for two
    epochs in the unary and eight in the joint stage.
    """
    epoch = _TRAIN_IMAGES[name] // _BATCH
    encoder = EncoderConfig(name="efficientnet_lite2", feature_dropout=0.5)
    base = tag_base(f"image_annotation/{name}", encoder, 1e-4, epoch)
    falling: dict[str, Any] = {"schedule": "cosine", "patience": 0}
    return with_fields(
        base,
        data={"label_order": "rare_first"},
        # Photographs of 192 x 128: crops cover nearly the whole picture.
        image=ImageConfig(resize_ratio=1.1),
        concepts={"initial_bias": "log_odds"},
        # Papers on these data sets compare at 5 labels per image.
        decoding={"fixed_lengths": (3, 5), "combine": True},
        unary={
            **falling,
            **RMSPROP_WITH_MOMENTUM,
            "head_only_steps": 8 * epoch,
            "head_only_cached": True,
            "steps": 2 * epoch,
            "learning_rate": 1e-4,
            "head_rate": 10.0,
            "encoder_clip_norm": 100.0,
            "validate_every_steps": epoch,
        },
        relational={
            **falling,
            "steps": 8 * epoch,
            "learning_rate": 1e-3,
            "validate_every_steps": 4 * epoch,
        },
        joint={
            **falling,
            "steps": 8 * epoch,
            # The CNN has a tenth of it, 1e-4, as in the unary stage.
            "learning_rate": 1e-3,
            "validate_every_steps": 2 * epoch,
        },
    )


def labels_alone(base: Config) -> Config:
    """SINN without side information: the layer of labels and their relations only.

    Its linear form would be an affine map of the features, the same as CNN+logistic.
    """
    return concept_layers(base, num_groups=0, num_user_tags=0)


def _systems(title: str) -> dict:
    systems = {k: v for k, v in tag_systems(title).items() if "tag1k" not in k}
    return systems | {
        "sinn_labels_alone": (f"{title}: SINN, labels alone", labels_alone),
        # Yazici et al. (2020), MLA: the decoder chooses the order of the labels.
        "s_cnn_rnn_minimal_loss": (
            "control: no order, minimal loss alignment",
            setting(decoder={"alignment": "minimal_loss"}),
        ),
        # Ridnik et al. (2021).
        "s_cnn_rnn_asymmetric": (
            "control: asymmetric Lu",
            setting(concepts={"loss": "asymmetric"}),
        ),
        # Over all labels and END.
        "s_cnn_rnn_smoothed": (
            "control: smoothed targets of Lr",
            setting(decoder={"label_smoothing": 0.1}),
        ),
        "s_cnn_rnn_fix": ("control: the CNN frozen", fixed),
        "s_cnn_rnn_alphabetical": (
            "control: alphabetical order",
            setting(data={"label_order": "alphabetical"}),
        ),
        "s_cnn_rnn_random_order": (
            "control: one random order",
            setting(data={"label_order": "random"}),
        ),
    }


EXPERIMENTS = {
    f"{name}_tags": (lambda name=name: annotation_set(name), _systems(f"{title}, after Table 1"))
    for name, title in (
        ("corel5k", "Corel-5k"),
        ("esp_game", "ESP Game"),
        ("iapr_tc12", "IAPR TC-12"),
    )
}
