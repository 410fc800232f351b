"""Image ops against resize-then-crop, PIL and colour formulas in NumPy."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from semreg_tf.config import ImageConfig
from semreg_tf.data import image_ops

SIZE, RATIO = 48, 346 / 299
RESIZED = round(SIZE * RATIO)
PLAIN = {"random_crop": False, "random_flip": False, "color_jitter": False}


def picture(height=120, width=170):
    """A smooth picture with an edge, different in each channel."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    channels = [np.sin(6 * x), np.cos(5 * y + x), np.where(x > y, 0.8, -0.3)]
    return np.uint8(np.stack(channels, -1) * 110 + 128)


def encode(array, kind, mode=None, **options):
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def resize_then_crop(encoded, offset, size=SIZE, resized=RESIZED):
    whole = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    y, x = offset
    return tf.image.resize(whole, (resized, resized))[y : y + size, x : x + size].numpy()


def train(encoded, seed=(1, 2), mode="raw", **options):
    return image_ops.decode_for_training(
        encoded,
        SIZE,
        mode,
        ImageConfig(resize_ratio=RATIO, **{**PLAIN, **options}),
        tf.constant(seed),
    ).numpy()


@pytest.mark.parametrize(
    "shape", [(120, 170), (375, 500), (56, 56), (57, 300), (30, 40), (60, 4200)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_evaluation_equals_resize_then_crop(shape, kind):
    encoded = encode(picture(*shape), kind)
    image = image_ops.decode_for_evaluation(encoded, SIZE, RATIO, "raw").numpy()
    offset = (RESIZED - SIZE) // 2
    difference = np.abs(image - resize_then_crop(encoded, (offset, offset)))
    assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.float32
    # A sixteenth of a pixel beside an edge of about 120 grey levels, and rounding of the DCT.
    assert difference.max() < 12 and difference.mean() < 0.6


@pytest.mark.parametrize("side", [9, 28, 40, 55])
def test_small_pictures_are_resized_whole(side):
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    encoded = encode(noise, "PNG")
    image = image_ops.decode_for_evaluation(encoded, SIZE, RATIO, "raw").numpy()
    offset = (RESIZED - SIZE) // 2
    np.testing.assert_allclose(image, resize_then_crop(encoded, (offset, offset)), atol=1e-3)


def windows(shape, offsets, resized=346, size=299):
    offsets = None if offsets is None else tf.constant(offsets, tf.int32)
    """First and past-the-last source pixels, then the resized pixels they become."""
    crop = np.array((resized - size) // 2 if offsets is None else offsets)
    made = image_ops._windows(tf.constant(shape, tf.int32), resized, size, offsets)
    start, extent, resized_extent, before = (x.numpy() for x in made)
    return [start, start + extent, crop - before, crop - before + resized_extent]


def plain_window(side, offset, resized, size):
    """The narrowest window of one axis, by trying every edge."""
    first, last = 0, resized
    for k in range(resized + 1):
        edge = k * side / resized
        if side >= resized and abs(edge - round(edge)) <= 1 / 16:
            first = max(first, k) if k <= offset else first
            last = min(last, k) if k >= offset + size else last
    return round(first * side / resized), round(last * side / resized), first, last


@pytest.mark.parametrize(("resized", "size"), [(346, 299), (263, 227), (56, 48), (24, 24)])
def test_windows_are_the_narrowest_that_are_aligned(resized, size):
    rng = np.random.default_rng(0)
    for side in (*rng.integers(resized // 2, 3 * resized, 12), resized, resized + 1, 4096):
        for offset in (0, (resized - size) // 2, resized - size):
            made = windows((side, 500), (offset, 0), resized, size)
            assert tuple(x[0] for x in made) == plain_window(side, offset, resized, size)
        centre = windows((500, side), None, resized, size)
        found = tuple(x[1] for x in centre)
        assert found == plain_window(side, (resized - size) // 2, resized, size)


def test_windows_are_wide_enough_and_aligned():
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape, offsets = rng.integers(346, 900, 2), rng.integers(0, 48, 2)
        start, stop, first, last = windows(shape, offsets)
        assert (first <= offsets).all() and (last >= offsets + 299).all()
        assert np.abs(first * shape / 346 - start).max() <= 1 / 16 + 1e-4
        assert np.abs(last * shape / 346 - stop).max() <= 1 / 16 + 1e-4


def test_of_sides_beyond_the_table_all_is_needed():
    start, stop, first, last = windows((4097, 480), (23, 23))
    assert (start[0], stop[0], first[0], last[0]) == (0, 4097, 0, 346)
    assert stop[1] < 480


def test_only_the_window_is_decoded():
    start, stop, _, _ = windows((480, 640), (23, 23))
    assert np.prod(stop - start) < 0.85 * 480 * 640


@pytest.mark.parametrize("mode", image_ops.NORMALISATIONS)
def test_large_pictures_are_sampled_like_small_ones(mode, monkeypatch):
    encoded = encode(picture(), "PNG")
    small = image_ops.decode_for_evaluation(encoded, SIZE, RATIO, mode).numpy()
    monkeypatch.setattr(image_ops, "CAST_RATIO", 0)
    large = image_ops.decode_for_evaluation(encoded, SIZE, RATIO, mode).numpy()
    np.testing.assert_allclose(small, large, atol=1e-5 * np.abs(small).max())


def test_without_a_margin_it_is_a_plain_resize():
    encoded = encode(picture(), "PNG")
    image = image_ops.decode_for_evaluation(encoded, SIZE, 1.0, "raw").numpy()
    np.testing.assert_allclose(image, resize_then_crop(encoded, (0, 0), SIZE, SIZE), atol=1e-3)


@pytest.mark.parametrize("seed", [(0, 0), (7, 1), (123, 456)])
def test_random_crop_is_one_of_the_resized_picture(seed):
    encoded = encode(picture(), "PNG")
    image = train(encoded, seed, random_crop=True)
    margin = RESIZED - SIZE + 1
    errors = [
        np.abs(image - resize_then_crop(encoded, divmod(k, margin))).mean()
        for k in range(margin**2)
    ]
    assert min(errors) < 0.5 < sorted(errors)[1]


def test_random_crops_reach_every_offset_and_differ_between_the_axes():
    ramp = np.zeros((RESIZED, RESIZED, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.mgrid[:RESIZED, :RESIZED]
    encoded = encode(ramp, "PNG")
    corners = {tuple(train(encoded, (3, k), random_crop=True)[0, 0, :2]) for k in range(150)}
    assert {y for y, _ in corners} == {x for _, x in corners} == set(range(RESIZED - SIZE + 1))
    assert any(y != x for y, x in corners)


def test_flip_mirrors_about_half_of_the_pictures():
    encoded = encode(picture(), "PNG")
    plain = train(encoded)
    flips = 0
    for k in range(40):
        image = train(encoded, (5, k), random_flip=True)
        mirrored = np.allclose(image, plain[:, ::-1])
        assert mirrored or np.allclose(image, plain)
        flips += mirrored
    assert 10 < flips < 30


def test_jitter_stays_within_its_bounds_and_uses_all_of_them():
    grey = encode(np.full((64, 64, 3), 128, np.uint8), "PNG")
    levels = [train(grey, (1, k), color_jitter=True) for k in range(80)]
    # A grey picture shows brightness alone: contrast, hue and saturation leave it.
    shifts = np.array([x.mean() - 128 for x in levels])
    assert all(np.ptp(x) < 0.01 for x in levels)
    assert -32.01 < shifts.min() < -26 and 26 < shifts.max() < 32.01
    bright = train(encode(np.full((64, 64, 3), 255, np.uint8), "PNG"), (1, 1), color_jitter=True)
    assert bright.max() <= 255


def test_equal_seeds_give_equal_pictures():
    encoded = encode(picture(), "JPEG")
    every = {"random_crop": True, "random_flip": True, "color_jitter": True}
    first, second = (train(encoded, (4, 9), **every) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - train(encoded, (4, 10), **every)).mean() > 1


def test_runs_in_a_pipeline_and_in_a_saved_model(tmp_path):
    encoded = [encode(picture(), "JPEG"), encode(picture(90, 60), "PNG")]

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def decode(data):
        return image_ops.decode_for_evaluation(data, SIZE, RATIO, "inception")

    module = tf.Module()
    module.decode = decode
    tf.saved_model.save(module, str(tmp_path))
    dataset = tf.data.Dataset.from_tensor_slices(encoded)
    direct = [decode(data).numpy() for data in encoded]
    loaded = tf.saved_model.load(str(tmp_path))
    for data, a, b in zip(encoded, direct, dataset.map(decode), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
        np.testing.assert_allclose(a, loaded.decode(tf.constant(data)), atol=1e-6)

    def augment(data):
        config = ImageConfig(resize_ratio=RATIO, color_jitter=True)
        return image_ops.decode_for_training(data, SIZE, "caffe", config, tf.constant([1, 2]))

    assert dataset.map(augment).batch(2).element_spec.shape[1:] == (SIZE, SIZE, 3)
    assert len(list(dataset.map(augment))) == 2


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", None, {}),
        ("PNG", "RGBA", {}),
        ("PNG", "L", {}),
        ("PNG", "P", {}),
        ("BMP", None, {}),
        ("GIF", None, {}),
        ("JPEG", "L", {}),
        ("JPEG", None, {"progressive": True}),
        ("JPEG", "CMYK", {}),
    ],
)
def test_reads_what_people_have(kind, mode, options):
    encoded = encode(picture(), kind, mode, **options)
    image = image_ops.decode_for_evaluation(encoded, SIZE, 1.0, "raw").numpy()
    shown = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    expected = tf.image.resize(shown, (SIZE, SIZE)).numpy()
    assert np.abs(image - expected).mean() < 2


def test_an_animation_gives_its_first_frame():
    file = io.BytesIO()
    frames = [Image.fromarray(np.full((60, 60, 3), level, np.uint8)) for level in (200, 20)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    image = image_ops.decode_for_evaluation(file.getvalue(), SIZE, RATIO, "raw")
    np.testing.assert_allclose(image, 200, atol=1)


@pytest.mark.parametrize("broken", [b"", b"no picture", encode(picture(), "JPEG")[:900]])
def test_broken_files_are_tensorflows_error(broken):
    with pytest.raises(tf.errors.InvalidArgumentError):
        image_ops.decode_for_evaluation(broken, SIZE, RATIO, "raw")


def test_normalise_equals_the_published_formulas():
    image = np.random.default_rng(0).uniform(0, 255, (2, 5, 4, 3)).astype("float32")
    red, green, blue = np.moveaxis(image, -1, 0)
    expected = {
        "raw": image,
        "unit": image / 255,
        "inception": (image / 255 - 0.5) * 2,
        "torch": (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "caffe": np.stack([blue - 103.939, green - 116.779, red - 123.68], -1),
        "efficientnet_lite": (image - 127) / 128,
    }
    assert set(expected) == set(image_ops.NORMALISATIONS)
    for mode, values in expected.items():
        np.testing.assert_allclose(image_ops.normalise(image, mode), values, atol=1e-4)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`mode` must be one of 'raw', .*Received: mode='rgb'"):
        image_ops.normalise(tf.zeros((1, 1, 3)), "rgb")
    with pytest.raises(ValueError, match=r"`resize_ratio` at least 1.0.*resize_ratio=0.5"):
        image_ops.resized_side(10, 0.5)
