import json
from pathlib import Path

import pytest

from data_prep.coco_files import read_coco
from data_prep.coco_tags.coco_tags_dataset_builder import Builder, describe_raw_counts
from data_prep.coco_tags.user_tags_file import PhotoTags
from data_prep.preparation import prepare
from semreg_tf.config import DataConfig
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE, find_builder
from semreg_tf.data.vocabulary import Vocabularies

COCO128 = Path(__file__).parents[3].parent / "shared" / "data" / "coco128"
CATEGORIES = [
    {"supercategory": "indoor", "id": 90, "name": "toothbrush"},
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "outdoor", "id": 13, "name": "stop sign"},
]
# Two persons are one label; image 25 has no object; nobody has a toothbrush.
OBJECTS = {9: [13, 1, 1], 25: [], 30: [1]}


def boxes(objects, first=500):
    pairs = [(image_id, c) for image_id, found in objects.items() for c in found]
    return [
        {
            "segmentation": {"counts": [3, 4], "size": [10, 12]} if i == 0 else [[1.0, 2.0]],
            "area": 12.5,
            "iscrowd": int(i == 0),
            "image_id": image_id,
            "bbox": [0.5, 0.5, 3.25, 4.0],
            "category_id": category,
            "id": first + i,
        }
        for i, (image_id, category) in enumerate(pairs)
    ]


@pytest.fixture
def raw_dir(tmp_path, write_coco):
    folder = tmp_path / "raw"
    for part, objects in {"train2014": OBJECTS, "val2014": {42: [1], 73: []}}.items():
        annotations = boxes(objects)
        write_coco(folder, "instances", part, list(objects), annotations, categories=CATEGORIES)
    return folder


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def prepared(raw_dir, data_dir, name="coco_tags", **changes):
    prepare(Builder(data_dir=data_dir, **changes), raw_dir)
    builder = find_builder(data_dir, name)
    counts = json.loads((builder.data_path / COUNTS_FILE).read_text())
    splits = {
        split: {a.file_name: a for a in read_annotations(builder.data_dir, split)}
        for split in builder.info.splits
    }
    return splits, counts


def test_labels_are_the_distinct_classes_by_category_id(raw_dir, tmp_path):
    splits, counts = prepared(raw_dir, tmp_path / "data")
    train = splits["train"]
    assert train["COCO_train2014_000000000009.jpg"].labels == ("person", "stop sign")
    assert train["COCO_train2014_000000000009.jpg"].image_id == "9"
    assert train["COCO_train2014_000000000030.jpg"].labels == ("person",)
    assert list(splits["validation"]) == ["COCO_val2014_000000000042.jpg"]
    # A class that no image has is a class all the same.
    assert counts["label_counts"] == {"person": 2, "stop sign": 1, "toothbrush": 0}


def test_images_without_objects_are_left_out_and_counted(raw_dir, tmp_path, capsys):
    splits, counts = prepared(raw_dir, tmp_path / "data")
    names = ["COCO_train2014_000000000025.jpg", "COCO_val2014_000000000073.jpg"]
    assert counts["notes"] == {"image without objects, left out": names}
    assert not {*names} & {*splits["train"], *splits["validation"]}
    assert "image without objects, left out: 2 (COCO_train" in capsys.readouterr().out


def test_objects_are_counted_as_the_files_hold_them(raw_dir, tmp_path):
    builder = Builder(data_dir=tmp_path / "data")
    prepare(builder, raw_dir)
    lines = describe_raw_counts(builder.info.metadata["raw_counts"]).splitlines()
    assert lines == [
        "in instances_train2014.json: 3 images, 4 objects, 1 images without objects",
        "in instances_val2014.json: 2 images, 1 objects, 1 images without objects",
    ]


def test_images_without_objects_can_be_kept(raw_dir, tmp_path):
    splits, counts = prepared(raw_dir, tmp_path / "data", keep_without_objects=True)
    assert splits["train"]["COCO_train2014_000000000025.jpg"].labels == ()
    assert len(counts["notes"]["image without objects, kept"]) == 2
    assert counts["splits"]["train"]["images"] == 3
    with pytest.raises(ValueError, match=r"prepared with .*'keep_without_objects': True"):
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)


@pytest.fixture
def user_tags_file(tmp_path):
    entries = [
        PhotoTags("9", "977", ("sky", "plage", "nyc")),
        PhotoTags("42", "4277", problem="1: Photo not found"),
        PhotoTags("7", "777", ("elsewhere",)),
    ]
    path = tmp_path / "user_tags.jsonl"
    path.write_text("".join(entry.to_line() for entry in entries), encoding="utf-8")
    return path


def test_user_tags_are_all_stored_and_cut_at_load(raw_dir, tmp_path, user_tags_file, capsys):
    splits, counts = prepared(raw_dir, tmp_path / "data", user_tags_file=user_tags_file)
    assert splits["train"]["COCO_train2014_000000000009.jpg"].user_tags == ("sky", "plage", "nyc")
    assert counts["splits"]["train"]["user_tags"] == counts["kept_user_tags"] == 3
    assert "3 distinct, 1.50 an image of the 1,000" in capsys.readouterr().out
    notes = {reason: n for reason, n in counts["notes"].items() if "tags" in reason}
    assert notes == {
        "no user tags, image not in their file": ["COCO_train2014_000000000030.jpg"],
        "no user tags, 1: Photo not found": ["COCO_val2014_000000000042.jpg"],
    }
    builder_dir = find_builder(tmp_path / "data", "coco_tags").data_dir
    config = DataConfig(dataset="coco_tags", task="tags", num_user_tags=2)
    assert Vocabularies.from_dataset(builder_dir, config).user_tags.names == ("nyc", "plage")


def test_the_share_of_the_most_frequent_user_tags_is_printed(raw_dir, tmp_path, capsys):
    tags = tuple(f"t{i}" for i in range(1_200))
    entries = [PhotoTags("9", "977", tags), PhotoTags("30", "3077", tags[:2])]
    path = tmp_path / "user_tags.jsonl"
    path.write_text("".join(entry.to_line() for entry in entries))
    _, counts = prepared(raw_dir, tmp_path / "data", user_tags_file=path)
    assert counts["splits"]["train"]["user_tags"] == 1_202
    assert counts["kept_user_tags"] == 2 * 2 + 998
    assert "1,200 distinct, 501.00 an image of the 1,000" in capsys.readouterr().out


def test_other_user_tags_are_other_shards(raw_dir, tmp_path, user_tags_file):
    prepared(raw_dir, tmp_path / "data", user_tags_file=user_tags_file)
    prepare(Builder(data_dir=tmp_path / "data", user_tags_file=user_tags_file), raw_dir)
    with user_tags_file.open("a") as file:
        file.write(PhotoTags("30", "3077", ("new",)).to_line())
    with pytest.raises(ValueError, match="`data_dir` holds 'coco_tags' prepared with"):
        prepare(Builder(data_dir=tmp_path / "data", user_tags_file=user_tags_file), raw_dir)


def test_unreadable_user_tags_are_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="`user_tags_file` must be a file that"):
        Builder(data_dir=tmp_path, user_tags_file=tmp_path / "none.jsonl")


def test_bad_pictures_and_stray_boxes_are_skipped_and_listed(raw_dir, tmp_path, draw_picture):
    folder = raw_dir / "train2014"
    (folder / "COCO_train2014_000000000009.jpg").write_bytes(draw_picture(20, 20, 1)[:-60])
    (folder / "COCO_train2014_000000000030.jpg").write_bytes(draw_picture(20, 20, 1, "PNG"))
    stray = boxes({999: [1]}, first=900)
    path = raw_dir / "annotations" / "instances_train2014.json"
    edit(path, lambda content: content["annotations"].extend(stray))
    splits, counts = prepared(raw_dir, tmp_path / "data")
    assert list(splits["train"]) == ["COCO_train2014_000000000030.jpg"]
    counts["notes"].pop("image without objects, left out")
    assert counts["notes"] == {
        "annotation of an image not listed": [
            "instances_train2014.json: annotation 900 of image 999"
        ],
        "image corrupt": ["COCO_train2014_000000000009.jpg"],
        "image converted (no RGB or grey JPEG)": ["COCO_train2014_000000000030.jpg"],
    }


def rename(content):
    content["categories"][0]["name"] = "brush"


def double(content):
    content["categories"][0]["name"] = "person"


def lose(content):
    content["categories"].pop()


@pytest.mark.parametrize(
    ("parts", "change", "what"),
    [
        (["val2014"], rename, "others in instances_train2014.json and instances_val2014.json"),
        (["train2014", "val2014"], double, "instances_train2014.json, 'person' twice"),
        (["train2014", "val2014"], lose, "train2014.json', number 1 of 'annotations': categ.*=13"),
    ],
)
def test_categories_that_do_not_fit_are_refused(raw_dir, tmp_path, parts, change, what):
    for part in parts:
        edit(raw_dir / "annotations" / f"instances_{part}.json", change)
    with pytest.raises(ValueError, match=what):
        prepare(Builder(data_dir=tmp_path / "data"), raw_dir)


def test_another_year_is_another_data_set(tmp_path, write_coco):
    for part, objects in {"train2017": OBJECTS, "val2017": {42: [90]}}.items():
        annotations = boxes(objects)
        write_coco(tmp_path, "instances", part, list(objects), annotations, categories=CATEGORIES)
    splits, counts = prepared(tmp_path, tmp_path / "data", "coco_tags/2017", config="2017")
    assert counts["dataset"] == "coco_tags/2017/1.0.0"
    assert {split: sorted(images) for split, images in splits.items()} == {
        "train": ["000000000009.jpg", "000000000030.jpg"],
        "validation": ["000000000042.jpg"],
    }


def test_all_missing_files_are_named(tmp_path):
    (tmp_path / "raw" / "annotations").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"there is no annotations/instances_train2017\.json, tr"):
        prepare(Builder(data_dir=tmp_path / "data", config="coco128"), tmp_path / "raw")


@pytest.mark.skipif(not COCO128.is_dir(), reason="the first 128 images of COCO are not here")
def test_the_first_images_of_coco(tmp_path):
    coco = read_coco(COCO128 / "annotations" / "instances_train2017.json", {"category_id": int})
    assert (len(coco.anns), len(coco.imgs)) == (929, 128)
    assert (len(coco.cats), max(coco.cats)) == (80, 90)
    splits, counts = prepared(COCO128, tmp_path, "coco_tags/coco128", config="coco128")
    assert counts["splits"]["train"]["images"] == counts["splits"]["train"]["images_with_labels"]
    assert list(counts["notes"]) == ["image without objects, left out"]
    assert len(counts["notes"]["image without objects, left out"]) == 2
    assert len(counts["label_counts"]) == 80
    # By the boxes themselves.
    found = {(a["image_id"], coco.cats[a["category_id"]]["name"]) for a in coco.anns.values()}
    assert found == {(int(a.image_id), n) for a in splits["train"].values() for n in a.labels}
    assert len(splits["train"]) == 126
