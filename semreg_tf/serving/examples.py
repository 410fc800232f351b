"""Pictures that the page offers to those who have none at hand."""

import itertools
from pathlib import Path

from semreg_tf.data.picture_decoding import UnreadablePictureError
from semreg_tf.data.picture_files import read_picture_file
from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.pictures import check_picture

# What every browser shows.
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".webp", ".avif")
MOST = 12


def find_examples(
    folder: str | Path | None, model_path: Path, max_pixels: int, max_bytes: int
) -> dict[str, Path]:
    """Returns the first pictures of a folder by file name.

    Args:
      folder: where to look; None: the model's own `assets*/examples`, if it has any.
      model_path: folder of the export.
      max_pixels: larger pictures are left out.
      max_bytes: larger files are left out.

    Raises:
      ValueError: a folder was given and it holds none.
    """
    own = next(model_path.glob("assets*/examples"), None)
    source = own if folder is None else Path(folder)
    found = {}
    if source is not None and source.is_dir():
        pictures = (p for p in sorted(source.iterdir()) if p.suffix.lower() in SUFFIXES)
        fine = (p for p in pictures if _is_fine(p, max_pixels, max_bytes))
        found = {p.name: p for p in itertools.islice(fine, MOST)}
    if folder is not None and not found:
        raise ValueError(
            f"`examples` must be a folder of pictures ({', '.join(SUFFIXES)}) that the server "
            f"would take. Received: examples={str(folder)!r}"
        )
    return found


def _is_fine(path: Path, max_pixels: int, max_bytes: int) -> bool:
    try:
        if path.stat().st_size > max_bytes:
            return False
        check_picture(read_picture_file(path), max_pixels)
        return True
    except (Refusal, UnreadablePictureError, OSError):
        return False
