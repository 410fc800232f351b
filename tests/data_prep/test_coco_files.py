import json
import os

import pytest

from data_prep.coco_files import check_distinct_images, read_coco, unlisted_images

CATEGORIES = [{"supercategory": "x", "id": 1, "name": "person"}]


def box(number, image_id):
    return {"id": number, "image_id": image_id, "category_id": 1, "bbox": [0, 0, 2, 2]}


@pytest.fixture
def path(tmp_path, write_coco):
    annotations = [box(9, 30), box(8, 5), box(7, 30), box(6, 400)]
    return write_coco(tmp_path, "instances", "val2014", [30, 5], annotations, categories=CATEGORIES)


def change(path, kind, number, **values):
    content = json.loads(path.read_text())
    content[kind][number].update(values)
    path.write_text(json.dumps(content))


def test_the_files_order_is_kept_and_nothing_is_printed(path, capsys):
    coco = read_coco(path, {"category_id": int})
    assert [image["id"] for image in coco.dataset["images"]] == [30, 5]
    assert [a["id"] for a in coco.imgToAnns[30]] == [9, 7]
    assert capsys.readouterr().out == ""


def test_annotations_of_unlisted_images_are_named(path):
    coco = read_coco(path, {"category_id": int})
    assert unlisted_images(coco) == ["annotation 6 of image 400"]


@pytest.mark.parametrize(
    ("kind", "number", "values", "what"),
    [
        ("images", 1, {"id": 30}, "numbers 1 and 2 of 'images': id 30"),
        ("annotations", 2, {"id": 9}, "numbers 1 and 3 of 'annotations': id 9"),
        ("images", 1, {"file_name": None}, "number 2 of 'images': file_name=None"),
        ("annotations", 3, {"image_id": "5"}, "number 4 of 'annotations': image_id='5'"),
        ("annotations", 0, {"category_id": "dog"}, "number 1 of 'annotations': category_id='dog'"),
        ("annotations", 1, {"category_id": 90}, "number 2 of 'annotations': category_id=90, no c"),
        ("categories", 0, {"name": 3}, "number 1 of 'categories': name=3"),
    ],
)
def test_wrong_entries_are_refused_with_their_number(path, kind, number, values, what):
    change(path, kind, number, **values)
    with pytest.raises(ValueError, match=rf"distinct ids. Received: .*val2014\.json', {what}"):
        read_coco(path, {"category_id": int})


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ([], "TypeError: a JSON list"),
        ({}, "no list 'images'"),
        ({"images": [], "annotations": {}}, "no list 'annotations'"),
        ({"images": [], "annotations": []}, "no list 'categories'"),
        ({"images": [], "annotations": [{"id": 1}]}, "KeyError: 'image_id'"),
        ({"images": [3]}, "TypeError"),
    ],
)
def test_other_json_is_refused(path, content, what):
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"COCO's annotation files.*val2014\.json', {what}"):
        read_coco(path, {"category_id": int})


def test_a_file_cut_short_is_refused_with_the_place(path):
    size = path.stat().st_size - 60
    os.truncate(path, size)
    with pytest.raises(ValueError, match=r"val2014\.json: .*cut short at line 1, column \d+, "):
        read_coco(path, {"category_id": int})


def test_an_image_in_two_files_is_refused(path):
    coco = read_coco(path, {"category_id": int})
    check_distinct_images([("a.json", coco)])
    with pytest.raises(ValueError, match=r"image id 30 in a\.json and b\.json"):
        check_distinct_images([("a.json", coco), ("b.json", coco)])
