"""Karpathy and Fei-Fei's splits (CVPR 2015): `dataset_coco.json`, `dataset_flickr30k.json`.

{"images": [{"filename": "COCO_val2014_000000391895.jpg", "split": "test", ...}, ...], ...}
"""

from os import PathLike, fspath

from data_prep.json_files import read_json

# As usual since then, the rest of COCO's validation images is in the training split.
_SPLITS = {"train": "train", "restval": "train", "val": "validation", "test": "test"}


def read_karpathy_splits(path: str | PathLike[str]) -> dict[str, str]:
    """Reads the split of each image from a file `dataset_*.json`; captions are not read.

    Returns:
      File name -> "train", "validation" or "test", in the file's order.

    Raises:
      ValueError: the file is damaged or of another form, or an image occurs twice.
    """
    content = read_json(path)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise _refused(path, "no list 'images'")
    splits: dict[str, str] = {}
    for number, image in enumerate(images, start=1):
        try:
            name, split = image["filename"], _SPLITS[image["split"]]
        except (KeyError, TypeError):
            raise _refused(path, f"image {number}: {str(image)[:60]}") from None
        if name in splits:
            raise _refused(path, f"image {number}: {name!r} again")
        splits[name] = split
    return splits


def _refused(path: str | PathLike[str], what: str) -> ValueError:
    return ValueError(
        "`raw_dir` must hold Karpathy's split file, whose images have a distinct filename and a "
        f"split, one of {', '.join(_SPLITS)}. Received: {fspath(path)!r}, {what}"
    )
