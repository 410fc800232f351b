"""An EfficientNet-Lite inside the whole: fine-tuned by the stages, folded, exported in float16."""

import dataclasses
import io

import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.config import EncoderConfig, ImageConfig
from semreg_tf.data import image_ops
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.export import export_parts
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.encoder import batch_norm_layers
from semreg_tf.training import workdir
from semreg_tf.training.trainer import Trainer
from semreg_tf.training.trainer_options import TrainerOptions

pytestmark = pytest.mark.large
SIDE = 64


def with_lite0(config):
    return dataclasses.replace(
        config,
        encoder=EncoderConfig(name="efficientnet_lite0", weights=None),
        image=ImageConfig(size=SIDE, resize_ratio=1.0, random_crop=False),
    )


def randomise(encoder):
    """Weights under which activations neither vanish nor explode, and no normalisation is one."""
    generator = np.random.default_rng(0)
    for layer in encoder.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                shift = 1.0 if variable is layer.gamma or variable is layer.moving_variance else 0
                variable.assign(generator.uniform(-0.5, 0.5, variable.shape) + shift)
        elif layer.weights:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            shape = layer.kernel.shape
            fan_in = shape[0] * shape[1] * (1 if depthwise else shape[2])
            layer.kernel.assign(generator.normal(0, np.sqrt(2 / fan_in), shape))


def pictures(number):
    generator, made = np.random.default_rng(1), []
    for _ in range(number):
        file = io.BytesIO()
        small = PIL.Image.fromarray(generator.integers(0, 256, (6, 6, 3), np.uint8))
        small.resize((SIDE, SIDE)).save(file, "PNG")
        made.append(file.getvalue())
    return made


def size_of(path):
    return sum(f.stat().st_size for f in (path / "variables").iterdir())


def test_exports_say_what_the_models_say(tmp_path):
    config = with_lite0(experiments.get("demo_tags/cnn_logistic"))
    names = NameList(tuple(f"label{i}" for i in range(12)), (1,) * 12)
    vocabularies = Vocabularies(Vocabulary(names, "labels"), names)
    annotator = Annotator(config, len(names), vocabularies.output.size)
    randomise(annotator.encoder)
    part, files = ExportPart(config, vocabularies, annotator), pictures(5)
    images = [
        image_ops.decode_for_evaluation(f, SIDE, 1.0, "efficientnet_lite").numpy() for f in files
    ]
    expected = annotator.encode({"image": tf.stack(images)})["concept_probabilities"].numpy()
    # The pictures are told apart.
    assert expected.std(0).max() > 0.02
    sizes = []
    for dtype, tolerance in (("float32", 1e-4), ("float16", 1e-2)):
        path = export_parts([part], tmp_path / dtype, weights_dtype=dtype)
        served = tf.saved_model.load(str(path)).signatures["serving_default"]
        answer = served(images=tf.constant(files))
        np.testing.assert_allclose(answer["concept_probabilities"], expected, atol=tolerance)
        sizes.append(size_of(path))
    assert sizes[1] < 0.6 * sizes[0]


def test_statistics_move_in_the_unary_stage_and_rest_in_the_joint(toy, demo_data, tmp_path):
    config = with_lite0(toy(experiments.get("demo_tags/s_cnn_rnn"), steps=1))
    unary, joint = tmp_path / "unary", tmp_path / "joint"
    first = Trainer(config, "unary", demo_data, unary)
    before = [np.array(x.moving_mean) for x in batch_norm_layers(first.annotator.encoder)]
    first.train()
    Trainer(config, "joint", demo_data, joint, TrainerOptions(unary=unary)).train()
    (_, _, trained), (_, _, after) = (workdir.load_annotator(path) for path in (unary, joint))
    for old, one, two in zip(
        before, *(batch_norm_layers(x.encoder) for x in (trained, after)), strict=True
    ):
        assert not np.array_equal(old, one.moving_mean)
        np.testing.assert_array_equal(one.moving_mean, two.moving_mean)
        np.testing.assert_array_equal(one.moving_variance, two.moving_variance)
    kernels = [x.encoder.get_layer("block3_depthwise_conv").kernel for x in (trained, after)]
    assert not np.array_equal(*kernels)
