import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data.fixed_views import CROP_SHARE, fixed_views

SIDE = 9


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(2, SIDE, SIDE, 3)).astype(np.float32)


def bilinear(image, top, left):
    """A crop of `CROP_SHARE` of the sides, scaled back, corner pixels on corner pixels."""
    grid = np.linspace(0, CROP_SHARE * (SIDE - 1), SIDE)
    made = np.zeros_like(image)
    for i, y in enumerate(top * (1 - CROP_SHARE) * (SIDE - 1) + grid):
        for j, x in enumerate(left * (1 - CROP_SHARE) * (SIDE - 1) + grid):
            for row, column in ((int(y) + a, int(x) + b) for a in (0, 1) for b in (0, 1)):
                weight = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
                if weight:
                    made[i, j] += weight * image[min(row, SIDE - 1), min(column, SIDE - 1)]
    return made


def test_corners_are_as_large_as_caffes():
    assert CROP_SHARE * 256 == 227


def test_one_view_is_the_image(images):
    (view,) = fixed_views(tf.constant(images), 1)
    np.testing.assert_array_equal(view, images)


def test_the_second_is_the_mirror_image(images):
    view, mirrored = fixed_views(tf.constant(images), 2)
    np.testing.assert_array_equal(view, images)
    np.testing.assert_array_equal(mirrored, images[:, :, ::-1])


def test_ten_are_image_and_corners_and_their_mirror_images(images):
    views = np.stack(fixed_views(tf.constant(images), 10))
    assert views.shape == (10, *images.shape)
    np.testing.assert_array_equal(views[0], images)
    for place, (top, left) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)], start=1):
        expected = [bilinear(image, top, left) for image in images]
        np.testing.assert_allclose(views[place], expected, atol=1e-4)
    np.testing.assert_array_equal(views[5:], views[:5, :, :, ::-1])
    assert len({view.tobytes() for view in views}) == 10


def test_batch_and_side_may_be_unknown(images):
    traced = tf.function(
        lambda x: fixed_views(x, 10), input_signature=[tf.TensorSpec((None, None, None, 3))]
    )
    for made, expected in zip(traced(images), fixed_views(tf.constant(images), 10), strict=True):
        np.testing.assert_allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("views", [0, 3, 5, None])
def test_other_numbers_are_refused(images, views):
    with pytest.raises(ValueError, match=rf"`views` must be 1, 2 or 10\. Received: views={views}"):
        fixed_views(tf.constant(images), views)
