"""On real photographs an export says to the token what Python says, with TensorFlow alone."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from semreg_tf import experiments
from semreg_tf.data import image_ops
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.decoding.search import Search
from semreg_tf.export import export_parts
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.inference import load
from semreg_tf.models.annotator import Annotator

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PHOTOS = SHARED / "flickr8k" / "Flicker8k_Dataset"
WEIGHTS = SHARED / "weights" / "squeezenet_v1.1_imagenet_notop_tf.h5"
NUMBER = 16

pytestmark = pytest.mark.skipif(
    not (PHOTOS.exists() and WEIGHTS.exists()),
    reason="needs ../shared/data: Flickr8k's photographs and SqueezeNet's weights",
)


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    """A captioner whose CNN is trained and whose words are drawn, and its export."""
    keras.utils.set_random_seed(0)
    config = experiments.get("flickr8k_captions/s_cnn_rnn")
    config = dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, weights=str(WEIGHTS)),
        decoder=dataclasses.replace(config.decoder, cells=64, word_embedding=64),
    )
    words = NameList(tuple(f"word{i}" for i in range(300)), (1,) * 300)
    vocabularies = Vocabularies(Vocabulary(words, "words"), words.head(50))
    annotator = Annotator(config, 50, vocabularies.output.size)
    generator = np.random.default_rng(0)
    for scale, model in ((0.01, annotator.head), (0.3, annotator.decoder)):
        for variable in model.trainable_variables:
            variable.assign(scale * generator.normal(size=variable.shape))
    part = ExportPart(config, vocabularies, annotator)
    path = export_parts([part], tmp_path_factory.mktemp("real") / "model")
    return config, vocabularies, annotator, path


@pytest.fixture(scope="module")
def photos():
    return sorted(PHOTOS.glob("*.jpg"))[:NUMBER]


@pytest.fixture(scope="module")
def expected(captioner, photos):
    config, vocabularies, annotator, _ = captioner
    size, ratio = 227, config.image.resize_ratio
    images = [
        image_ops.decode_for_evaluation(photo.read_bytes(), size, ratio, "caffe")
        for photo in photos
    ]
    output = vocabularies.output
    found = Search(config.decoding, start_id=output.start_id, end_id=output.end_id)(
        *annotator.search_start(annotator.encode({"image": tf.stack(images)}))
    )
    texts = [[" ".join(output.decode(ids)) for ids in row] for row in found.token_ids.numpy()]
    assert len({row[0] for row in texts}) > NUMBER // 2
    return texts, found.scores.numpy()


def test_captions_equal_the_python_path_to_the_token(captioner, photos, expected):
    texts, scores = expected
    found = load(captioner[-1]).annotate(photos, batch_size=5)
    assert [[text for text, _ in a.n_best] for a in found] == texts
    np.testing.assert_allclose([[s for _, s in a.n_best] for a in found], scores, rtol=1e-3)


ALONE = """
import sys
for name in ("semreg_tf", "tensorflow_datasets", "pydantic", "nltk", "PIL"):
    sys.modules[name] = None
import tensorflow as tf
path, *pictures = sys.argv[1:]
serve = tf.saved_model.load(path).signatures["serving_default"]
answer = serve(images=tf.constant([*map(lambda p: open(p, "rb").read(), pictures), b"bad"]))
for row, valid in zip(answer["annotations"].numpy(), answer["valid"].numpy()):
    print("\\t".join(text.decode() for text in row) if valid else "not valid")
"""


def test_a_fresh_process_needs_tensorflow_alone(captioner, photos, expected, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(captioner[-1]), *map(str, photos)],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert found == [*expected[0], ["not valid"]]
