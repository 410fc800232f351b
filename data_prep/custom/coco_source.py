"""Captions and labels of COCO's JSON files."""

import collections
from collections.abc import Iterator, Sequence
from typing import Any

from etils import epath
from pycocotools.coco import COCO

from data_prep.coco_files import read_coco
from data_prep.custom.annotation_file import Row
from data_prep.custom.findings import Findings, some_names


def coco_rows(paths: Sequence[str], findings: Findings) -> list[Row]:
    """Returns a row per image with its captions and the distinct names of its categories.

    Files of labels and of captions are joined by the pictures' names.
    """
    images: dict[str, dict[str, dict[str, None]]] = {}
    # The first file that has captions or labels of a picture.
    files: dict[tuple[str, str], str] = {}
    for path in paths:
        if not epath.Path(path).is_file():
            raise ValueError(
                f"`annotations` must be a file: there is none. Received: annotations={path!r}"
            )
        coco = read_coco(path, None, "annotations")
        names = [image["file_name"] for image in coco.dataset["images"]]
        _refuse_same_names(names, path, findings)
        for name in names:
            images.setdefault(name, collections.defaultdict(dict))
        in_both: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
        for annotation in coco.dataset["annotations"]:
            image = coco.imgs.get(annotation["image_id"])
            if image is None:
                findings.warn(
                    0,
                    "annotation of no image",
                    f"annotation {annotation['id']} in {path!r} is left out: image "
                    f"{annotation['image_id']} is not listed",
                )
                continue
            name = image["file_name"]
            for kind, text in _coco_texts(annotation, coco, path, findings):
                first = files.setdefault((name, kind), path)
                if first != path:
                    in_both[first, kind].append(name)
                images[name][kind][text] = None
        for (first, kind), twice in in_both.items():
            twice = list(dict.fromkeys(twice))
            findings.problem(
                0,
                "picture in two files",
                f"{len(twice):,} pictures have {kind} in {first!r} and in {path!r} "
                f"({some_names(twice)}): write their folders into 'file_name', or join the files",
            )
    findings.warn_left_out(
        "not annotated", "have no annotation", [n for n in images if not images[n]]
    )
    rows = []
    for name, values in images.items():
        if values:
            lists = {kind: list(texts) for kind, texts in values.items()}
            rows.append(Row(len(rows) + 1, {"file_name": name, **lists}))
    return rows


def _refuse_same_names(names: Sequence[str], path: str, findings: Findings) -> None:
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        findings.problem(
            0,
            "picture of two images",
            f"{len(twice):,} pictures are the 'file_name' of two images each in {path!r} "
            f"({some_names(twice)}): give each picture one image",
        )


def _coco_texts(
    annotation: dict[str, Any], coco: COCO, path: str, findings: Findings
) -> Iterator[tuple[str, str]]:
    """Gives the caption and the label of an annotation, each with the column's name."""
    if annotation.get("caption") is not None:
        yield "captions", annotation["caption"]
    category = annotation.get("category_id")
    if category in coco.cats:
        yield "labels", coco.cats[category]["name"]
    elif category is not None:
        findings.warn(
            0,
            "category not listed",
            f"category {category} of annotation {annotation['id']} in {path!r} is left out: the "
            "file lists no categories",
        )
