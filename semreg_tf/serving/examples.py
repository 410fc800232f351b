"""Example pictures of the web page."""

import itertools
from pathlib import Path

from semreg_tf.data.picture_decoding import UnreadablePictureError
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.pictures import check_picture

# Formats that every browser shows.
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".webp", ".avif")
MOST = 12


def find_examples(
    folder: str | Path | None, model_path: Path, max_pixels: int, max_bytes: int
) -> dict[str, Path]:
    """Returns the first pictures of a folder by file name.

    Args:
      folder: the folder; None: the export's `assets*/examples`, if it has one.
      model_path: folder of the export.
      max_pixels: larger pictures are left out.
      max_bytes: larger files are left out.

    Returns:
      At most `MOST` paths, by file name.

    Raises:
      ValueError: `folder` has no such picture.
    """
    of_export = next(model_path.glob("assets*/examples"), None)
    source = of_export if folder is None else Path(folder)
    examples = {}
    if source is not None and source.is_dir():
        pictures = (p for p in sorted(source.iterdir()) if p.suffix.lower() in SUFFIXES)
        accepted = (p for p in pictures if _is_accepted(p, max_pixels, max_bytes))
        examples = {p.name: p for p in itertools.islice(accepted, MOST)}
    if folder is not None and not examples:
        raise ValueError(
            f"`examples` must be a folder of pictures ({', '.join(SUFFIXES)}) that the server "
            f"accepts. Received: examples={str(folder)!r}"
        )
    return examples


def _is_accepted(path: Path, max_pixels: int, max_bytes: int) -> bool:
    try:
        if path.stat().st_size > max_bytes:
            return False
        check_picture(read_picture_file(path), max_pixels)
        return True
    except (Refusal, UnreadablePictureError, OSError):
        return False
