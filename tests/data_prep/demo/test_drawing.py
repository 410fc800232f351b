import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from data_prep.demo.drawing import SIDE, draw_scene
from data_prep.demo.scenes import COLOURS, Scene, Thing
from data_prep.demo.things import COLOUR_VALUES, DRAW, Pen


def pixels(jpeg):
    return np.asarray(PIL.Image.open(io.BytesIO(jpeg)), np.float32)


def draw(things=(), background="grass", seed=0):
    return draw_scene(Scene("any", background, tuple(things)), np.random.default_rng(seed))


def test_a_picture_is_a_square_rgb_jpeg():
    with PIL.Image.open(io.BytesIO(draw())) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIDE, SIDE))


def test_every_kind_of_thing_can_be_drawn():
    assert set(DRAW) == set(COLOURS)


@pytest.mark.parametrize("label", sorted(COLOURS))
def test_a_thing_is_drawn_around_its_place_in_its_colour(label):
    image = PIL.Image.new("RGB", (100, 100), (1, 2, 3))
    colour = COLOURS[label][0]
    rng = np.random.default_rng(0)
    DRAW[label](Pen(PIL.ImageDraw.Draw(image), 50, 50, 20, colour, rng))
    changed = (np.asarray(image) != (1, 2, 3)).any(-1)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 150
    assert max(abs(rows - 50)) <= 2 * 20
    assert max(abs(columns - 50)) <= 1.3 * 20
    near = np.abs(np.asarray(image, int) - COLOUR_VALUES[colour]).max(-1) < 60
    assert (near & changed).sum() > 0.2 * changed.sum()


def test_more_of_a_thing_covers_more():
    one, three = (Thing("star", n, "yellow", "", 1.0, 0.5, 0.3) for n in (1, 3))
    empty, single, triple = (
        np.mean([pixels(draw(things, "night", seed=i))[..., 0].mean() for i in range(150)])
        for things in ((), (one,), (three,))
    )
    assert triple - empty > 1.5 * (single - empty) > 0


# Needs no TensorFlow, so it is quick; hashes of strings differ between these processes.
_DIGEST = """
import hashlib
import numpy as np
from data_prep.demo.drawing import draw_scene
from data_prep.demo.scenes import sample_scene
from data_prep.demo.sentences import captions, user_tags
digest = hashlib.sha256()
for number in range(20):
    rng = np.random.default_rng([2017, number])
    scene = sample_scene(rng)
    digest.update(draw_scene(scene, rng))
    digest.update(repr([scene.labels, captions(scene, rng), user_tags(scene, rng)]).encode())
print(digest.hexdigest())
"""


def test_every_process_draws_the_same():
    root = Path(__file__).parents[3]
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2
