import collections
import json

import pytest

from data_prep.flickr30k import flickr30k_dataset_builder
from data_prep.flickr30k.flickr30k_dataset_builder import Builder, last_split
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE, find_builder

NUMBERS = [6734417, 10002456, 36979, 1000092795, 1001, 98377566, 65567, 148284]
NAMES = [f"{number}.jpg" for number in NUMBERS]


@pytest.fixture
def raw_dir(tmp_path, draw_picture):
    """The token file's order is neither that of names nor of numbers."""
    folder = tmp_path / "raw"
    (folder / "flickr30k-images").mkdir(parents=True)
    lines = []
    for i, name in enumerate(NAMES):
        (folder / "flickr30k-images" / name).write_bytes(draw_picture(12 + i, 10, i))
        lines += [f"{name}#{n}\tTwo men , number {i} , sit {'still ' * n}." for n in range(5)]
    (folder / "results_20130124.token").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def two_held_out(monkeypatch):
    monkeypatch.setattr(flickr30k_dataset_builder, "NUM_HELD_OUT", 2)


def write_lists(raw_dir, **lists):
    for name, members in lists.items():
        (raw_dir / f"{name}.txt").write_bytes("".join(f"{m}\r\n" for m in members).encode())


def prepared(raw_dir, data_dir, config=None):
    prepare(Builder(data_dir=data_dir, config=config), raw_dir)
    builder = find_builder(data_dir, "flickr30k" if config is None else f"flickr30k/{config}")
    counts = json.loads((builder.data_path / COUNTS_FILE).read_text())
    splits = {
        split: {a.file_name: a for a in read_annotations(builder.data_dir, split)}
        for split in builder.info.splits
    }
    return splits, counts


def names(splits):
    return {split: set(images) for split, images in splits.items()}


def test_the_cut_of_the_whole_data_gives_the_published_sizes():
    order = [last_split(number, 31_783) for number in range(31_783)]
    counts = {"train": 29_783, "validation": 1_000, "test": 1_000}
    assert collections.Counter(order) == counts
    assert order == sorted(order, key=list(counts).index)


@pytest.mark.usefixtures("two_held_out")
def test_the_last_images_of_the_token_file_are_held_out(raw_dir, tmp_path):
    splits, counts = prepared(raw_dir, tmp_path / "data")
    assert names(splits) == {
        "train": {*NAMES[:4]},
        "validation": {*NAMES[4:6]},
        "test": {*NAMES[6:]},
    }
    first = splits["train"]["36979.jpg"]
    assert first.image_id == "36979"
    assert first.captions == tuple(f"Two men , number 2 , sit {'still ' * n}." for n in range(5))
    assert counts["notes"] == {}


def test_too_few_images_are_refused(raw_dir, tmp_path):
    with pytest.raises(ValueError, match=r"more than 2,000 images .*8 images in results_2013"):
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)


def test_karpathys_splits_are_another_data_set(raw_dir, tmp_path):
    split_of = dict(zip(NAMES, ["test", "val", "train", "train", "test"], strict=False))
    images = [{"filename": name, "split": split} for name, split in split_of.items()]
    images.append({"filename": "5.jpg", "split": "train"})
    (raw_dir / "dataset_flickr30k.json").write_text(json.dumps({"images": images}))
    splits, counts = prepared(raw_dir, tmp_path / "data", "karpathy")
    assert names(splits) == {
        "train": {*NAMES[2:4]},
        "validation": {NAMES[1]},
        "test": {NAMES[0], NAMES[4]},
    }
    assert counts["dataset"] == "flickr30k/karpathy/1.0.0"
    assert counts["notes"] == {
        "image in no split": NAMES[5:],
        "image without captions": ["5.jpg"],
    }


def test_lists_name_images_with_or_without_their_suffix(raw_dir, tmp_path):
    write_lists(raw_dir, train=NUMBERS[:5], val=NAMES[5:6], test=[NUMBERS[6], NAMES[7]])
    splits, counts = prepared(raw_dir, tmp_path / "data", "lists")
    assert names(splits) == {
        "train": {*NAMES[:5]},
        "validation": {NAMES[5]},
        "test": {*NAMES[6:]},
    }
    assert counts["notes"] == {}


def test_an_image_in_two_lists_is_refused(raw_dir, tmp_path):
    write_lists(raw_dir, train=NUMBERS[:5], val=NUMBERS[5:6], test=[NAMES[0]])
    with pytest.raises(ValueError, match=r"'6734417\.jpg' in train\.txt and test\.txt"):
        prepare(Builder(data_dir=tmp_path / "data", config="lists"), raw_dir)


@pytest.mark.usefixtures("two_held_out")
def test_bad_pictures_and_captions_are_skipped_and_listed(raw_dir, tmp_path, draw_picture):
    folder = raw_dir / "flickr30k-images"
    (folder / NAMES[0]).unlink()
    (folder / NAMES[1]).write_bytes(draw_picture(30, 30, 1)[:-50])
    (folder / NAMES[2]).write_bytes(draw_picture(30, 30, 1, mode="CMYK"))
    with (raw_dir / "results_20130124.token").open("a") as file:
        file.write(f"{NAMES[3]}#5\t \n{NAMES[3]}#6\t{'far ' * 500}\n")
    splits, counts = prepared(raw_dir, tmp_path / "data")
    assert counts["notes"] == {
        "image missing": [NAMES[0]],
        "image corrupt": [NAMES[1]],
        "image converted (no RGB or grey JPEG)": [NAMES[2]],
        "caption empty": [NAMES[3]],
        "caption of more than 200 words": [NAMES[3]],
    }
    assert names(splits)["train"] == {NAMES[2], NAMES[3]}
    assert len(splits["train"][NAMES[3]].captions) == 5


def test_a_line_of_another_form_is_refused_with_its_number(raw_dir, tmp_path):
    with (raw_dir / "results_20130124.token").open("a") as file:
        file.write("36979.jpg  Two men .\n")
    with pytest.raises(ValueError, match=r"results_20130124\.token', line 41: '36979"):
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)


@pytest.mark.parametrize(
    ("config", "missing"),
    [("karpathy", "dataset_flickr30k.json"), ("lists", "train.txt, val.txt, test.txt")],
)
def test_the_files_of_other_splits_are_asked_for(raw_dir, tmp_path, config, missing):
    with pytest.raises(ValueError, match=f"there is no {missing}"):
        prepare(Builder(data_dir=tmp_path / "data", config=config), raw_dir)
