"""`annotate_stream` and upright pictures: lazy, in order, and bounded in what is in flight."""

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from semreg_tf.picture_model import read_image


@pytest.fixture
def model(toy_export):
    return toy_export("demo_tags/cnn_logistic_tag1k").model


def array(seed=0, height=40, width=52):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(30, 220, 3) + generator.integers(-25, 25, (height, width, 3))
    return pixels.astype(np.uint8)


def test_a_stream_reads_no_further_than_it_must(model):
    taken = []

    def pictures():
        for seed in range(1000):
            taken.append(seed)
            yield array(seed)

    stream = model.annotate_stream(pictures(), batch_size=2)
    assert taken == []
    first = next(stream)
    assert first.text == model.annotate([array(0)])[0].text
    assert len(taken) <= 10
    stream.close()
    assert len(taken) <= 10


def test_many_batches_in_flight_come_in_order(model):
    pictures = [array(seed) for seed in range(41)]
    pictures[7] = b"bad"
    found = list(model.annotate_stream(iter(pictures), batch_size=3))
    expected = model.annotate(pictures, batch_size=41)
    assert len(found) == 41
    assert [a.error for a in found] == [a.error for a in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            [p for _, p in sorted(one.concepts)], [p for _, p in sorted(other.concepts)], atol=1e-5
        )


def test_tags_given_to_a_model_without_are_refused(toy_export):
    plain = toy_export("demo_tags/cnn_logistic").model
    with pytest.raises(ValueError, match="only to a model with side information"):
        next(plain.annotate_stream([array()], iter(["sea"])))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_lies_on_its_side_is_turned(orientation):
    pixels = array(height=24, width=60)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, "PNG", exif=exif)
    # As the standard numbers them: where row 0 and column 0 of what is stored belong.
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels),
    }[orientation]
    decoded = tf.io.decode_image(read_image(out.getvalue()), channels=3).numpy()
    np.testing.assert_array_equal(decoded, upright)
