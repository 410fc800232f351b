"""The trained model that comes with the repository annotates a photograph without training."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import semreg_tf

MODEL = Path(__file__).parents[1] / "models" / "flickr8k_captions"


@pytest.fixture(scope="module")
def model():
    return semreg_tf.load(MODEL)


def grass_and_sky():
    """A JPEG that is green below, blue above, with a dark blob between."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[:110], pixels[110:] = (120, 170, 230), (70, 140, 50)
    pixels[100:170, 140:200] = (60, 40, 30)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def test_it_is_under_20_mb_and_explains_itself():
    files = [path for path in MODEL.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20e6
    card = (MODEL / "MODEL.md").read_text(encoding="utf-8")
    scores = json.loads((MODEL / "assets.extra" / "results.json").read_text(encoding="utf-8"))
    assert f"| captions | CIDEr | {scores['captions']['CIDEr']:.3f} |" in card
    assert "Use and limits" in card and "Flickr users" in card


def test_it_describes_a_picture_in_its_own_words(model):
    (found,) = model.annotate([grass_and_sky()])
    words = (MODEL / "assets.extra" / "vocabulary.txt").read_text(encoding="utf-8")
    known = {line.split("\t")[0] for line in words.splitlines()[1:]}
    assert len(found.text.split()) > 3
    assert set(found.text.split()) <= known
    assert len(found.concepts) == 1_000
    # Green below and blue above is out of doors, whatever the blob may be.
    ranks = {name: i for i, (name, _) in enumerate(found.concepts)}
    assert ranks["grass"] < ranks["room"]
