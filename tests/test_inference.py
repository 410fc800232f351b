"""`load(path).annotate(images)`: what a user's pictures may be, and that a bad one fails alone."""

import io
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import semreg_tf
from semreg_tf.data.picture_decoding import MAX_PIXELS
from semreg_tf.image_annotation import ImageAnnotation
from semreg_tf.inference import load
from semreg_tf.picture_model import read_image

ROOT = Path(__file__).parents[1]


@pytest.fixture
def model(toy_export):
    """A model of side information that says the three best labels."""
    return toy_export("demo_tags/cnn_logistic_tag1k").model


def array(seed=0, height=40, width=52):
    """A picture of one colour with some noise, so that no format loses much of it."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(30, 220, 3) + generator.integers(-25, 25, (height, width, 3))
    return pixels.astype(np.uint8)


def encoded(pixels, image_format="PNG", mode="RGB", **options):
    buffer = io.BytesIO()
    picture = PIL.Image.fromarray(pixels).convert(mode, palette=PIL.Image.Palette.ADAPTIVE)
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def probabilities(annotation):
    return np.array([p for _, p in sorted(annotation.concepts)])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A small file that says it is a large picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def test_paths_bytes_and_arrays_give_the_same(model, tmp_path):
    pixels = array()
    path = tmp_path / "beach.png"
    path.write_bytes(encoded(pixels))
    found = model.annotate([str(path), path, encoded(pixels), pixels])
    assert [a.error for a in found] == [None] * 4
    assert len({a.text for a in found}) == 1
    assert model.annotate(np.stack([pixels, pixels]))[1].text == found[0].text


def test_an_annotation_holds_texts_and_concepts_best_first(model, toy_export):
    vocabularies = toy_export("demo_tags/cnn_logistic_tag1k").vocabularies
    (found,) = model.annotate([array()])
    assert [name for name, _ in found.concepts[:3]] == found.text.split(", ")
    values = [p for _, p in found.concepts]
    assert values == sorted(values, reverse=True)
    assert {name for name, _ in found.concepts} == set(vocabularies.concepts.names)
    ((text, score),) = found.n_best
    assert text == found.text
    assert score == pytest.approx(np.log(values[:3]).sum(), rel=1e-4)
    assert found.label_scores == pytest.approx(values[:3], rel=1e-4)
    assert (model.task, found.error) == ("tags", None)


def test_a_captioners_concepts_begin_with_content_words(toy_export):
    exported = toy_export("demo_captions/s_cnn_rnn")
    (found,) = exported.model.annotate([array()])
    names = [name for name, _ in found.concepts]
    last = exported.model.words_shown_last & set(names)
    assert {"a", "the"} <= last
    assert set(names[-len(last) :]) == last
    assert set(names) == set(exported.vocabularies.concepts.names)
    for part in (found.concepts[: -len(last)], found.concepts[-len(last) :]):
        values = [p for _, p in part]
        assert values == sorted(values, reverse=True)
    assert found.label_scores == ()


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_answers_come_in_order_whatever_the_batch(model, batch_size):
    pictures = [array(seed) for seed in range(7)]
    alone = [probabilities(model.annotate([picture])[0]) for picture in pictures]
    assert all(np.abs(one - other).max() > 0.01 for one, other in itertools.pairwise(alone))
    found = model.annotate(iter(pictures), batch_size=batch_size)
    np.testing.assert_allclose([probabilities(a) for a in found], alone, atol=1e-5)
    assert model.annotate([]) == []


FORMATS = {
    "JPEG": {},
    "progressive JPEG": {"progressive": True, "quality": 95},
    "CMYK JPEG": {"mode": "CMYK", "quality": 95},
    "PNG": {},
    "PNG with transparency": {"mode": "RGBA"},
    "palette PNG": {"mode": "P"},
    "BMP": {},
    "BMP with transparency": {"mode": "RGBA"},
    "palette BMP": {"mode": "P"},
    "GIF": {},
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_as_the_same_picture(model, name):
    pixels = np.broadcast_to(array()[:1, :1], (40, 52, 3)).copy()
    image_format = re.search("JPEG|PNG|BMP|GIF", name)[0]
    data = encoded(pixels, image_format, **FORMATS[name])
    decoded = tf.io.decode_image(read_image(data), channels=3, expand_animations=False).numpy()
    assert decoded.shape == pixels.shape
    assert np.abs(decoded.astype(int) - pixels).max() <= (6 if "JPEG" in name else 0)
    found, expected = model.annotate([data, pixels])
    np.testing.assert_allclose(probabilities(found), probabilities(expected), atol=0.05)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "BMP", "GIF"])
def test_grey_pictures_are_read_as_grey(model, image_format):
    grey = np.repeat(array()[:, :, :1], 3, axis=2)
    options = {"quality": 98} if image_format == "JPEG" else {}
    data = encoded(grey, image_format, mode="L", **options)
    found, expected = model.annotate([data, grey])
    np.testing.assert_allclose(probabilities(found), probabilities(expected), atol=0.05)


def test_sixteen_bit_greys_are_scaled_not_clipped(model):
    grey = np.repeat(array()[:, :, :1], 3, axis=2)
    buffer = io.BytesIO()
    PIL.Image.fromarray(grey[:, :, 0].astype(np.uint16) * 257).save(buffer, "PNG")
    found, expected = model.annotate([buffer.getvalue(), grey])
    np.testing.assert_allclose(probabilities(found), probabilities(expected), atol=1e-5)


def test_bits_are_black_and_white(model):
    pixels = np.where(array()[:, :, :1] > 128, 255, 0).astype(np.uint8).repeat(3, axis=2)
    found, expected = model.annotate([encoded(pixels, mode="1"), pixels])
    np.testing.assert_allclose(probabilities(found), probabilities(expected), atol=1e-5)


def bad_pictures(folder):
    """Name -> (picture, how its error begins)."""
    jpeg, png = encoded(array(height=90, width=90), "JPEG"), encoded(array())
    whole = "`images` must be whole pictures ("
    middle = len(png) // 2
    (folder / "notes.jpg").write_text("not a picture", encoding="utf-8")
    (folder / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    return {
        "text": (folder / "notes.jpg", whole),
        "half a JPEG": (folder / "half.jpg", whole + "damaged: image file is truncated"),
        "missing": (folder / "missing.jpg", "[Errno 2]"),
        "folder": (folder, whole + "a folder, not a file). Received: "),
        "nothing": (b"", whole + "empty file). Received: bytes"),
        "half a PNG": (png[:middle], whole),
        "PNG with another byte": (png[:middle] + b"\x00\xff" + png[middle + 2 :], whole),
        "PNG without its end": (png[:-5], whole + "damaged: its end is missing). Received: "),
        "JPEG without its end marker": (
            jpeg[:-2] + b"\xce\xd9",
            # Which of the two decoders stops at it hangs on what the other bytes are.
            whole + "damaged: ",
        ),
        "half a GIF": (encoded(array(), "GIF")[:300], whole),
        "half a BMP": (encoded(array(), "BMP")[:300], whole),
        "half a TIFF": (encoded(array(), "TIFF")[:300], whole),
        "WebP": (b"RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00", whole),
        "bomb": (bomb(30_000, 30_000), whole + f"it has more than {MAX_PIXELS:,} pixels"),
        "too large": (
            bomb(66_000, 1),
            whole
            + "it has 66000 x 1 pixels; a side of at most 65,500 is allowed). Received: bytes",
        ),
        "floats": (
            array().astype(np.float32),
            "`images` given as arrays must be uint8 of (height, width, 3), not empty. "
            "Received: float32 of (40, 52, 3)",
        ),
        "grey array": (array()[:, :, 0], "`images` given as arrays must be uint8"),
        "four channels": (np.zeros((4, 4, 4), np.uint8), "`images` given as arrays must be uint8"),
        "no pixels": (np.zeros((0, 4, 3), np.uint8), "`images` given as arrays must be uint8"),
    }


def test_a_bad_picture_fails_alone(model, tmp_path):
    good = [array(seed) for seed in range(3)]
    expected = model.annotate(good)
    bad = bad_pictures(tmp_path)
    with warnings.catch_warnings():
        # Pillow warns of pictures half as large as those it refuses.
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        for name, (picture, message) in bad.items():
            found = model.annotate([good[0], picture, good[1], good[2]])
            assert found[1] == ImageAnnotation(None, error=found[1].error), name
            assert found[1].error.startswith(message), (name, found[1].error)
            for ours, other in zip([found[0], *found[2:]], expected, strict=True):
                np.testing.assert_allclose(probabilities(ours), probabilities(other), atol=1e-5)
        everything = model.annotate([picture for picture, _ in bad.values()])
    assert all(a.error and a.text is None for a in everything)
    for name in ("half a JPEG", "text"):
        picture = bad[name][0]
        assert model.annotate([picture])[0].error.endswith(f"Received: {picture}")


def test_no_cut_or_changed_file_stops_the_others(model):
    """Whatever Pillow and TensorFlow disagree on."""
    generator = np.random.default_rng(0)
    pictures = []
    for image_format in ("JPEG", "PNG", "BMP", "GIF"):
        data = encoded(array(height=12, width=12), image_format)
        pictures += [data[:-cut] for cut in range(1, 20)]
        for _ in range(20):
            place = generator.integers(len(data))
            pictures.append(data[:place] + generator.bytes(1) + data[place + 1 :])
    found = model.annotate([array(), *pictures, array()])
    assert found[0].text == found[-1].text == model.annotate([array()])[0].text
    assert all((a.error is None) == (a.text is not None) for a in found)
    assert 40 < sum(a.error is not None for a in found) < len(pictures)


def test_a_score_that_is_not_finite_leaves_the_text(model, monkeypatch):
    answer = {
        "concept_names": tf.constant([["sea", "sky"]]),
        "concept_probabilities": tf.constant([[0.0, 1.0]]),
        "annotations": tf.constant([["sky, sea"]]),
        "scores": tf.constant([[-np.inf]]),
        "valid": tf.constant([True]),
    }
    monkeypatch.setattr(model, "signatures", {"serving_default": lambda images: answer})
    (found,) = model.annotate([array()])
    assert (found.text, found.n_best) == ("sky, sea", ())


@pytest.mark.parametrize("has_lists", [True, False], ids=["lists", "an earlier export"])
def test_labels_with_a_comma_are_one_label(model, monkeypatch, has_lists):
    answer = {
        "concept_names": tf.constant([["boat", "sea, blue", "sea"]]),
        "concept_probabilities": tf.constant([[0.2, 0.7, 0.1]]),
        "annotations": tf.constant([["sea, blue, boat", "sea"]]),
        "scores": tf.constant([[-1.0, -2.0]]),
        "valid": tf.constant([True]),
    }
    if has_lists:
        answer["labels"] = tf.constant([[["sea, blue", "boat"], ["sea", ""]]])
    monkeypatch.setattr(model, "signatures", {"serving_default": lambda images: answer})
    (found,) = model.annotate([array()])
    assert found.labels == ("sea, blue", "boat")
    assert found.n_best_labels == (("sea, blue", "boat"), ("sea",))
    assert found.text == "sea, blue, boat"


def test_half_of_a_surrogate_pair_in_user_tags_is_refused(model):
    with pytest.raises(ValueError, match=r"half of a surrogate pair\. Received: user_tags="):
        model.annotate([array()], ["sea, \ud800"])


def test_user_tags_go_with_their_pictures(model, toy_export, tmp_path):
    names = toy_export("demo_tags/cnn_logistic_tag1k").vocabularies.user_tags.names
    pictures, tags = [array(seed) for seed in range(4)], [names[0], "", names[1], names[0]]
    with_tags, without = model.annotate(pictures, tags), model.annotate(pictures)
    np.testing.assert_allclose(probabilities(with_tags[1]), probabilities(without[1]), atol=1e-6)
    for i in (0, 2, 3):
        assert np.abs(probabilities(with_tags[i]) - probabilities(without[i])).max() > 1e-3
    # A picture that cannot be read takes its tags along.
    found = model.annotate([pictures[0], b"", *pictures[1:]], [tags[0], names[2], *tags[1:]], 2)
    found_good = [found[0], *found[2:]]
    for ours, expected in zip(found_good, with_tags, strict=True):
        np.testing.assert_allclose(probabilities(ours), probabilities(expected), atol=1e-5)
    broken = encoded(array())[:-5]
    found = model.annotate([broken, *pictures], [names[2], *tags])
    for ours, expected in zip(found[1:], with_tags, strict=True):
        np.testing.assert_allclose(probabilities(ours), probabilities(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (["a.jpg", "b.jpg"], ["sea"]),
            ValueError,
            "`user_tags` must hold one string per image, 2. Received: 1",
        ),
        (
            (["a.jpg"], "sea"),
            TypeError,
            "`user_tags` must be a list of strings, one per image. Received: user_tags='sea'",
        ),
        (
            ("a.jpg",),
            TypeError,
            "`images` must be a list of pictures: put brackets around a single one. Received: str",
        ),
        ((Path("a.jpg"),), TypeError, "Received: PosixPath"),
        ((b"\xff\xd8",), TypeError, "Received: bytes"),
        ((np.zeros((4, 4, 3), np.uint8),), TypeError, "Received: ndarray"),
        ((["a.jpg"], None, 0), ValueError, "`batch_size` must be at least 1. Received: batch_size"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(model, arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        model.annotate(*arguments)


def test_unknown_user_tags_are_counted(model, toy_export):
    names = toy_export("demo_tags/cnn_logistic_tag1k").vocabularies.user_tags.names
    tags = [f"{names[0]}, nosuchtag", names[1], "x,y", ""]
    found = model.annotate([array(seed) for seed in range(4)], tags)
    assert [a.unknown_user_tags for a in found] == [1, 0, 2, 0]
    assert model.annotate([array()])[0].unknown_user_tags is None


def test_an_export_of_another_version_is_refused(model, toy_export, tmp_path):
    folder = tmp_path / "old" / "assets.extra"
    folder.mkdir(parents=True)
    (folder / "semreg_tf.json").write_text(json.dumps({"task": "tags"}), encoding="utf-8")
    message = "must hold an export of format version 2. Export the run again. Received: format_ver"
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "old")


def test_user_tags_need_a_model_of_side_information(toy_export):
    plain = toy_export("demo_tags/cnn_logistic").model
    message = (
        "`user_tags` may be given only to a model with side information. Received: user_tags=['sea"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        plain.annotate([array()], ["sea"])


def test_a_folder_without_an_export_is_refused(tmp_path):
    for path, none in ((tmp_path, ""), (tmp_path / "missing", ", and there is none of this name")):
        message = (
            f"`path` must be a folder written by the export command{none}. "
            f"Received: path={str(path)!r}"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            semreg_tf.load(path)


ANNOTATE = """
import sys
import semreg_tf
assert "tensorflow" not in sys.modules, "importing the package alone should be quick"
found = semreg_tf.load(sys.argv[1]).annotate([sys.argv[2]])
print(found[0].text)
print(*sorted(name for name in sys.modules if name.startswith("semreg_tf")))
print("tensorflow_datasets" in sys.modules, "pydantic" in sys.modules, "nltk" in sys.modules)
"""


def test_annotating_imports_no_model_building_and_no_training(model, toy_export, tmp_path):
    path = tmp_path / "beach.png"
    path.write_bytes(encoded(array()))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ANNOTATE,
            str(toy_export("demo_tags/cnn_logistic_tag1k").path),
            str(path),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    text, modules, others = done.stdout.splitlines()
    assert text == model.annotate([path])[0].text
    # What reads texts and picture files is plain Python of a few lines.
    texts = ("text", "text.cleaning", "text.function_words", "text.joined_labels")
    pictures = ("data.picture_decoding", "data.picture_files", "data.picture_kinds")
    assert {name.removeprefix("semreg_tf").removeprefix(".") for name in modules.split()} == {
        *("", "_version", "data", "data.png_chunks", "image_annotation", "inference"),
        *("picture_model", "stream_threads"),
        *("quiet_tensorflow", "tensorflow_import"),
        *("files", "files.digests", "files.export_info", "files.json_files"),
        *pictures,
        *texts,
    }
    assert others == "False False False"
