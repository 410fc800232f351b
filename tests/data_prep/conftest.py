"""Writes small raw trees in the official formats, with the quirks of the real files."""

import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.processes import run_module


def picture(width, height, seed, image_format="JPEG", mode="RGB"):
    """Returns the bytes of a picture that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).convert(mode).save(buffer, image_format)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def draw_picture():
    return picture


def write_flickr8k(folder):
    """Writes a raw Flickr8k tree: CRLF lists, one broken name, one image in no list."""
    images = folder / "Flicker8k_Dataset"
    images.mkdir(parents=True)
    names = [f"{1000 + i}_{i:04x}.jpg" for i in range(9)]
    for i, name in enumerate(names):
        (images / name).write_bytes(picture(12 + i, 10, i))
    captions = [
        f"{name}#{n}\tA dog , number {i} , runs {'far ' * n}."
        for i, name in enumerate(names)
        for n in (0, 1, 2, 3, 4)
    ]
    broken = [f"2258_586949ec62.jpg.1#{n}\tPeople wait ." for n in range(5)]
    text = "\n".join([*captions[:10], *broken, *captions[10:]]) + "\n"
    (folder / "Flickr8k.token.txt").write_text(text, encoding="utf-8")
    lists = {"train": names[:5], "dev": names[5:7], "test": names[7:8]}
    for split, members in lists.items():
        text = "".join(f"{name}\r\n" for name in members)
        (folder / f"Flickr_8k.{split}Images.txt").write_bytes(text.encode())
    return folder


@pytest.fixture
def flickr8k_raw_dir(tmp_path) -> Path:
    return write_flickr8k(tmp_path / "raw")


def write_coco(folder, kind, part, image_ids, annotations, **lists):
    """Writes one of COCO's annotation files and its pictures, named as in that year."""
    name = "COCO_{}_{:012}.jpg" if part.endswith("2014") else "{1:012}.jpg"
    images = [
        {
            "license": 3,
            "file_name": name.format(part, image_id),
            "coco_url": f"http://images.example/{part}/{name.format(part, image_id)}",
            "height": 10,
            "width": 12 + i,
            "date_captured": "2013-11-14 11:18:45",
            "flickr_url": f"http://farm{i}.staticflickr.com/4026/{image_id}77_84c1fdb8d6_z.jpg",
            "id": image_id,
        }
        for i, image_id in enumerate(image_ids)
    ]
    (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    for image in images:
        content = picture(image["width"], image["height"], image["id"])
        (folder / part / image["file_name"]).write_bytes(content)
    licenses = [{"url": "http://licenses.example/3/", "id": 3, "name": "Attribution"}]
    content = {"info": {"description": "Toy"}, "images": images, "licenses": licenses}
    content |= {"annotations": annotations, **lists}
    path = folder / "annotations" / f"{kind}_{part}.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(name="write_coco")
def write_coco_fixture():
    return write_coco


@pytest.fixture
def run_command():
    """Runs a command of this folder in a process of its own, from the checkout."""

    def run(name, *arguments):
        return run_module(f"data_prep.{name}", *arguments)

    return run
