"""A photograph's metadata on a copy that was drawn anew: when, where and by what it was taken."""

from typing import Any

from PIL import ExifTags, Image

# What says how a TIFF's pixels lie in its file, and what is copied by itself.
_OF_THE_FILE = frozenset(range(254, 267)) | frozenset(
    (273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347)
) | {700, 33_723, 34_377, 34_675}  # fmt: skip
_RGB = ("RGB", "RGBA")


def metadata_of(picture: Image.Image) -> dict[str, Any]:
    """Returns what Pillow's `save` takes of a picture's metadata.

    Args:
      picture: of `open_picture`, its pixels read.

    Returns:
      `exif`, an `Image.Exif` without what the file's own structure says; `xmp`; and
      `icc_profile` of a picture in RGB. What is not there, or damaged, is left out.
    """
    found: dict[str, Any] = {}
    try:
        exif = picture.getexif()
        for tag in _OF_THE_FILE & set(exif):
            del exif[tag]
        # A damaged entry is found only when it is written.
        exif.tobytes()
    except Exception:
        exif = Image.Exif()
    if len(exif):
        found["exif"] = exif
    xmp = picture.info.get("xmp")
    if isinstance(xmp, bytes) and xmp:
        found["xmp"] = xmp
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in _RGB:
        found["icc_profile"] = profile
    return found


def exif_of_copy(exif: Image.Exif, size: tuple[int, int]) -> Image.Exif:
    """Returns EXIF for a copy that lies upright and has another size, without the thumbnail.

    Args:
      exif: of the picture.
      size: width and height of the copy.
    """
    made = Image.Exif()
    made.load(exif.tobytes())
    made[ExifTags.Base.Orientation] = 1
    inner = made.get_ifd(ExifTags.IFD.Exif)
    for tag, value in zip(
        (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight), size, strict=True
    ):
        if tag in inner:
            inner[tag] = value
    return made
