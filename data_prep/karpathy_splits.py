"""Karpathy and Fei-Fei's splits (CVPR 2015): `dataset_coco.json`, `dataset_flickr30k.json`.

{"images": [{"filename": "COCO_val2014_000000391895.jpg", "split": "test", ...}, ...], ...}
"""

from os import PathLike, fspath

from data_prep.json_files import read_json

# Usage since: what is left of COCO's validation images is trained on too.
_SPLITS = {"train": "train", "restval": "train", "val": "validation", "test": "test"}


def read_karpathy_splits(path: str | PathLike[str]) -> dict[str, str]:
    """Reads which image is in which split; the captions of the file are not read.

    Args:
      path: `dataset_*.json`.

    Returns:
      "train", "validation" or "test" by file name, in the order of the file.

    Raises:
      ValueError: the file is damaged or of another form, or an image is there twice.
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
