import json
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_prep.custom.custom_dataset_builder import Builder, CustomOptions, find_annotations
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE, find_builder, stored_tokenizer
from semreg_tf.data.stored_orientation import UPRIGHT_KEY
from tests.picture_samples import GREY_SCENE, SAMPLES, SCENE, TURNED, save

NAMES = {
    **{f"{i}.jpg": "JPEG" for i in range(6)},
    "town/bridge.png": "PNG",
    "town/square.jpg": "JPEG",
}
JSON_LINES = (
    b'{"file_name": "0.jpg", "captions": ["A dog.", "Dogs!"], "labels": ["dog"],'
    b' "split": "train"}\n'
    b'{"file_name": "1.jpg", "labels": ["sea", "dog"], "split": "train"}\r\n'
    b'{"file_name": "town/bridge.png", "captions": ["A bridge."], "split": "validation"}\n'
    b'{"file_name": "town/square.jpg", "user_tags": ["fun"], "split": "test"}\n'
)


@pytest.fixture
def raw_dir(own_folder):
    return own_folder(NAMES, JSON_LINES)


def build(data_dir, **options):
    return Builder(data_dir=data_dir, options=CustomOptions(**options))


def counts(data_dir):
    return json.loads((data_dir / "custom" / "1.0.0" / COUNTS_FILE).read_text())


def test_all_that_the_file_says_is_in_the_shards(raw_dir, tmp_path, capsys):
    prepare(Builder(data_dir=tmp_path), raw_dir)
    found = find_builder(tmp_path, "custom")
    annotations = {
        split: {a.file_name: a for a in read_annotations(found.data_dir, split)}
        for split in found.info.splits
    }
    assert {s: set(a) for s, a in annotations.items()} == {
        "train": {"0.jpg", "1.jpg"},
        "validation": {"town/bridge.png"},
        "test": {"town/square.jpg"},
    }
    first = annotations["train"]["0.jpg"]
    assert (first.captions, first.labels) == (("A dog.", "Dogs!"), ("dog",))
    assert first.image_id == "0.jpg"
    assert annotations["train"]["1.jpg"].labels == ("sea", "dog")
    assert annotations["test"]["town/square.jpg"].user_tags == ("fun",)
    notes = counts(tmp_path)["notes"]
    assert notes["pictures on no line"] == ["2.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert notes["image converted (no RGB or grey JPEG)"] == ["town/bridge.png"]
    captured = capsys.readouterr()
    assert "4 pictures (train 2, validation 1, test 1), 3 captions" in captured.out
    assert "no line names: 4 (2.jpg, 3.jpg, 4.jpg, ...)" in captured.err


def test_pictures_are_stored_upright_and_counted(raw_dir, tmp_path, capsys, monkeypatch):
    (raw_dir / "0.jpg").write_bytes(TURNED["JPEG 6"])
    (raw_dir / "1.jpg").write_bytes(save(np.full((40, 7, 3), 90, np.uint8), "JPEG"))
    (raw_dir / "town/square.jpg").write_bytes(SAMPLES["PNG, grey, 16 bits"][0])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    prepare(Builder(data_dir=tmp_path), raw_dir)
    assert not list(temporary.iterdir())
    found = find_builder(tmp_path, "custom")
    assert found.info.metadata[UPRIGHT_KEY]
    shown = {
        record["file_name"].decode(): record["image"].astype(float)
        for split in ("train", "test")
        for record in tfds.as_numpy(found.as_dataset(split))
    }
    assert shown["1.jpg"].shape == (40, 7, 3)
    assert np.abs(shown["0.jpg"] - SCENE).mean() < 2
    assert np.abs(shown["town/square.jpg"] - GREY_SCENE).mean() < 2
    notes = counts(tmp_path)["notes"]
    assert notes["image turned upright (EXIF orientation)"] == ["0.jpg"]
    assert "image turned upright (EXIF orientation): 1 (0.jpg)" in capsys.readouterr().out


def test_csv_with_drawn_splits(own_folder, tmp_path):
    lines = "".join(f'{i}.jpg;"A dog; no. {i}";dog|sea\n' for i in range(6))
    text = f"file_name;caption;labels\n{lines}0.jpg;Again.;\n"
    raw_dir = own_folder(NAMES, text.encode(), "annotations.csv")
    prepare(build(tmp_path, validation_share=0.3, test_share=0.0), raw_dir)
    splits = counts(tmp_path)["splits"]
    assert {s: n["images"] for s, n in splits.items()} == {"train": 4, "validation": 2}
    assert sum(n["captions"] for n in splits.values()) == 7
    assert sum(n["labels"] for n in splits.values()) == 12


def test_every_problem_is_told_at_once_and_nothing_is_made(own_folder, tmp_path):
    raw_dir = own_folder(
        {"0.jpg": "JPEG", "1.jpg": "JPEG"},
        b'{"file_name": "0.jpg", "captions": "A dog."}\n'
        b'{"file_name": "2.jpg", "labels": ["dog"], "lables": []}\n'
        b'{"file_name": "1.jpg", "captions": ["',
    )
    (raw_dir / "0.jpg").write_bytes(b"")
    with pytest.raises(ValueError) as refused:
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("`annotations` has 5 problems, and nothing was prepared.")
    assert [line[:9] for line in lines[1:6]] == [
        "  line 1:",
        "  line 1:",
        "  line 2:",
        "  line 2:",
        "  line 3:",
    ]
    assert lines[-1] == f"Received: annotations={str(raw_dir / 'annotations.jsonl')!r}"
    with pytest.raises(ValueError, match="nothing is prepared there"):
        find_builder(tmp_path / "data", "custom")


def test_bad_pictures_are_left_out_and_counted(raw_dir, tmp_path, capsys):
    (raw_dir / "0.jpg").unlink()
    with pytest.raises(ValueError, match=r"1 problem, .*\n  line 1: no picture '0.jpg'."):
        prepare(Builder(data_dir=tmp_path), raw_dir)
    prepare(build(tmp_path, skip_bad_pictures=True), raw_dir)
    found = counts(tmp_path)
    assert found["splits"]["train"]["images"] == 1
    assert found["notes"]["picture missing"] == ["line 1"]
    assert "line 1: no picture '0.jpg' (left out)" in capsys.readouterr().err


def test_a_caption_gone_astray_is_warned_of_and_left_out(own_folder, tmp_path, capsys):
    long = " ".join(["word"] * 500)
    raw_dir = own_folder(
        {"0.jpg": "JPEG"}, f'{{"file_name": "0.jpg", "captions": ["A.", "{long}"]}}\n'.encode()
    )
    prepare(build(tmp_path, validation_share=0, test_share=0), raw_dir)
    assert "line 1: caption 2 has 500 words and is left out" in capsys.readouterr().err
    (annotation,) = read_annotations(tmp_path / "custom" / "1.0.0", "train")
    assert annotation.captions == ("A.",)


def test_shards_of_another_file_are_refused(raw_dir, tmp_path):
    path = raw_dir / "annotations.jsonl"
    prepare(build(tmp_path, annotations=path), raw_dir)
    prepare(build(tmp_path, annotations=path), raw_dir)
    path.write_bytes(path.read_bytes().replace(b"Dogs!", b"Dogs?"))
    with pytest.raises(ValueError, match=r"holds 'custom' prepared with .*annotations_sha256"):
        prepare(build(tmp_path, annotations=path), raw_dir)


def test_the_annotation_file_is_found_or_named(own_folder, tmp_path):
    with pytest.raises(ValueError, match=r"`raw_dir` must be the folder of the pictures.*=None"):
        find_annotations(None)
    with pytest.raises(ValueError, match=r"`annotations` must be given .* neither is there"):
        find_annotations(tmp_path)
    raw_dir = own_folder({"0.jpg": "JPEG"}, b"", "annotations.csv")
    assert find_annotations(raw_dir).name == "annotations.csv"
    assert find_annotations(raw_dir, tmp_path / "b.csv") == tmp_path / "b.csv"
    (raw_dir / "annotations.jsonl").touch()
    with pytest.raises(ValueError, match=r"`annotations` must be given .* both are there"):
        find_annotations(raw_dir)


def test_words_and_spellings_go_into_the_shards_and_are_counted(own_folder, tmp_path, capsys):
    rows = [
        {
            "file_name": "cafe\u0301.jpg",
            "captions": ["\u8349\u5730 &amp; \u4e0a"],
            "split": "train",
        },
        {"file_name": "b.jpg", "labels": ["sea, blue", "cafe\u0301"], "split": "train"},
        {"file_name": "c.jpg", "labels": ["caf\u00e9"], "split": "validation"},
    ]
    text = "\n".join(json.dumps(row) for row in rows).replace("cafe\\u0301.jpg", "caf\\u00e9.jpg")
    names = dict.fromkeys(["cafe\u0301.jpg", "b.jpg", "c.jpg"], "JPEG")
    folder = own_folder(names, b"\xef\xbb\xbf" + text.encode())
    prepare(Builder(data_dir=tmp_path / "data", tokenizer="characters"), folder)
    found = find_builder(tmp_path / "data", "custom")
    assert stored_tokenizer(found) == "characters"
    first, second = sorted(read_annotations(found.data_dir, "train"), key=lambda a: a.labels)
    assert (first.image_id, first.file_name) == ("caf\u00e9.jpg", "cafe\u0301.jpg")
    assert first.tokens == (("\u8349", "\u5730", "&", "\u4e0a"),)
    assert second.labels == ("sea, blue", "caf\u00e9")
    notes = counts(tmp_path / "data")["notes"]
    assert notes["HTML entities unescaped"] == ["line 1"]
    assert notes["letters composed (Unicode NFC)"] == ["line 2"]
    assert notes["file name in another Unicode form"] == ["cafe\u0301.jpg"]
    captured = capsys.readouterr()
    assert "1 captions of 3.0 words on average, 2 different labels" in captured.out
    assert "no picture of 'validation' has captions" in captured.err
