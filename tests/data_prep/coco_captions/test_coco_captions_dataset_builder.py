import collections
import json

import pytest

from data_prep.coco_captions.coco_captions_dataset_builder import Builder, im2txt_split
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE, find_builder

TRAIN_IDS = [57, 9, 167126]
VAL_IDS = [800, 42, 700, 73, 600, 74, 500, 133, 400, 136]
# The file's first 85 %, its next 5 % and last 10 % of ten images.
CUT = {"train": VAL_IDS[:8], "validation": VAL_IDS[8:9], "test": VAL_IDS[9:]}


def captions(ids, number=5):
    """An image's captions are not side by side, nor in the order of their ids."""
    return [
        {"image_id": i, "id": 10 * i + number - n, "caption": f"A dog on road {i} {'far ' * n}.\n"}
        for n in range(number)
        for i in ids
    ]


@pytest.fixture
def raw_dir(tmp_path, write_coco):
    folder = tmp_path / "raw"
    write_coco(folder, "captions", "train2014", TRAIN_IDS, captions(TRAIN_IDS))
    write_coco(folder, "captions", "val2014", VAL_IDS, captions(VAL_IDS))
    return folder


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def prepared(raw_dir, data_dir, config=None):
    prepare(Builder(data_dir=data_dir, config=config), raw_dir)
    builder = find_builder(
        data_dir, "coco_captions" if config is None else f"coco_captions/{config}"
    )
    counts = json.loads((builder.data_path / COUNTS_FILE).read_text())
    splits = {split: read_annotations(builder.data_dir, split) for split in builder.info.splits}
    return splits, counts


def ids(splits):
    return {split: {int(a.image_id) for a in images} for split, images in splits.items()}


def test_im2txts_cut_of_the_whole_data_gives_the_papers_counts():
    counts = collections.Counter(im2txt_split(number, 40_504) for number in range(40_504))
    assert counts == {"train": 34_428, "validation": 2_025, "test": 4_051}
    assert 82_783 + counts["train"] == 117_211
    order = [im2txt_split(number, 40_504) for number in range(40_504)]
    assert order == sorted(order, key=["train", "validation", "test"].index)


def test_val2014_is_cut_in_the_order_of_its_file(raw_dir, tmp_path):
    splits, counts = prepared(raw_dir, tmp_path / "data")
    assert ids(splits) == {
        "train": {*TRAIN_IDS, *CUT["train"]},
        "validation": {*CUT["validation"]},
        "test": {*CUT["test"]},
    }
    assert counts["notes"] == {}
    assert counts["splits"]["train"]["captions"] == 5 * 11


def test_captions_keep_the_order_of_their_file(raw_dir, tmp_path):
    splits, _ = prepared(raw_dir, tmp_path / "data")
    first = next(a for a in splits["train"] if a.image_id == "9")
    assert first.file_name == "COCO_train2014_000000000009.jpg"
    assert first.captions == tuple(f"A dog on road 9 {'far ' * n}." for n in range(5))
    assert first.tokens[1] == ("a", "dog", "on", "road", "9", "far", ".")


def test_karpathys_splits_are_another_data_set(raw_dir, tmp_path):
    names = {i: f"COCO_val2014_{i:012}.jpg" for i in VAL_IDS}
    names |= {i: f"COCO_train2014_{i:012}.jpg" for i in TRAIN_IDS}
    split_of = dict.fromkeys(TRAIN_IDS, "train") | {800: "val", 42: "test", 700: "restval"}
    images = [
        {"filepath": names[i].split("_")[1], "filename": names[i], "cocoid": i, "split": split}
        for i, split in reversed(split_of.items())
    ]
    images.append({"filename": "COCO_val2014_000000000001.jpg", "split": "test"})
    (raw_dir / "dataset_coco.json").write_text(json.dumps({"images": images}))
    splits, counts = prepared(raw_dir, tmp_path / "data", "karpathy")
    assert ids(splits) == {"train": {*TRAIN_IDS, 700}, "validation": {800}, "test": {42}}
    assert counts["dataset"] == "coco_captions/karpathy/1.0.0"
    assert counts["notes"] == {
        "image in no split": [names[i] for i in VAL_IDS[3:]],
        "image of the split file without annotations": ["COCO_val2014_000000000001.jpg"],
    }
    with pytest.raises(ValueError, match="coco_captions/karpathy"):
        find_builder(tmp_path / "data", "coco_captions")


def test_karpathys_file_is_asked_for(raw_dir, tmp_path):
    with pytest.raises(ValueError, match=r"there is no dataset_coco\.json"):
        prepare(Builder(data_dir=tmp_path / "data", config="karpathy"), raw_dir)


def test_bad_pictures_and_captions_are_skipped_and_listed(raw_dir, tmp_path, draw_picture, capsys):
    corrupt = raw_dir / "train2014" / "COCO_train2014_000000167126.jpg"
    corrupt.write_bytes(corrupt.read_bytes()[:-40])
    names = {i: f"COCO_val2014_{i:012}.jpg" for i in VAL_IDS}
    (raw_dir / "val2014" / names[800]).unlink()
    (raw_dir / "val2014" / names[42]).write_bytes(draw_picture(20, 20, 1, "PNG"))
    (raw_dir / "val2014" / names[700]).write_bytes(draw_picture(20, 20, 1, mode="CMYK"))
    (raw_dir / "val2014" / names[600]).write_bytes(b"<html>not found</html>")

    def spoil(content):
        annotations = [a for a in content["annotations"] if a["image_id"] != 74]
        by_image = collections.defaultdict(list)
        for annotation in annotations:
            by_image[annotation["image_id"]].append(annotation)
        by_image[73][2]["caption"] = " \n"
        by_image[500][0]["caption"] = "dog " * 500
        extra = [{"image_id": 133, "id": 9_000 + n, "caption": "More."} for n in range(3)]
        stray = {"image_id": 999, "id": 8_000, "caption": "Nobody's dog."}
        content["annotations"] = [*annotations, *extra, stray]

    edit(raw_dir / "annotations" / "captions_val2014.json", spoil)
    splits, counts = prepared(raw_dir, tmp_path / "data")
    assert counts["notes"] == {
        "annotation of an image not listed": [
            "captions_val2014.json: annotation 8000 of image 999"
        ],
        "image without captions": [names[74]],
        "image kept though its captions are not 5 to 7": [names[133]],
        "image corrupt": [corrupt.name, names[600]],
        "image missing": [names[800]],
        "image converted (no RGB or grey JPEG)": [names[42], names[700]],
        "caption empty": [names[73]],
        "caption of more than 200 words": [names[500]],
    }
    assert ids(splits)["train"] == {57, 9, 42, 700, 73, 500, 133}
    number = {a.image_id: len(a.captions) for a in splits["train"]}
    assert (number["73"], number["500"], number["133"]) == (4, 4, 8)
    assert f"image corrupt: 2 ({corrupt.name}, {names[600]})" in capsys.readouterr().out


def test_a_truncated_file_is_refused_and_leaves_nothing(raw_dir, tmp_path):
    path = raw_dir / "annotations" / "captions_val2014.json"
    path.write_text(path.read_text()[:-100])
    with pytest.raises(ValueError, match=r"captions_val2014\.json: .* cut short at line 1, col"):
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)
    with pytest.raises(ValueError, match="nothing is prepared there"):
        find_builder(tmp_path / "data", "coco_captions")


def test_an_image_of_both_files_is_refused(raw_dir, tmp_path):
    def add(content):
        content["images"].append({**content["images"][0], "id": 57})

    edit(raw_dir / "annotations" / "captions_val2014.json", add)
    with pytest.raises(ValueError, match=r"image id 57 in captions_train2014\.json and captions_v"):
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)


def test_all_missing_files_are_named(tmp_path):
    (tmp_path / "raw" / "train2014").mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"there is no annotations/captions_train2014\.json, .*, v"
    ):
        prepare(Builder(data_dir=tmp_path / "data"), tmp_path / "raw")
