"""A photograph's metadata (time, place, camera) for a copy with other pixels."""

from typing import Any

from PIL import ExifTags, Image

# Tags on the layout of a TIFF file, and XMP, IPTC and colour profile, which are copied separately.
_FILE_TAGS = frozenset(range(254, 267)) | frozenset(
    (273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347)
) | {700, 33_723, 34_377, 34_675}  # fmt: skip
_RGB = ("RGB", "RGBA")


def metadata_of(picture: Image.Image) -> dict[str, Any]:
    """Returns a picture's metadata as arguments of Pillow's `save`.

    Args:
      picture: the output of `open_picture`, with its pixels read.

    Returns:
      `exif`, an `Image.Exif` without tags on the file's layout; `xmp`; and `icc_profile` of a
      picture in RGB. Missing or damaged metadata is left out.
    """
    metadata: dict[str, Any] = {}
    try:
        exif = picture.getexif()
        for tag in _FILE_TAGS & set(exif):
            del exif[tag]
        # Only writing it raises the error of a damaged entry.
        exif.tobytes()
    except Exception:
        exif = Image.Exif()
    if len(exif):
        metadata["exif"] = exif
    xmp = picture.info.get("xmp")
    if isinstance(xmp, bytes) and xmp:
        metadata["xmp"] = xmp
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in _RGB:
        metadata["icc_profile"] = profile
    return metadata


def exif_of_copy(exif: Image.Exif, size: tuple[int, int]) -> Image.Exif:
    """Returns the EXIF of an upright copy of another size, without the thumbnail."""
    copied = Image.Exif()
    copied.load(exif.tobytes())
    copied[ExifTags.Base.Orientation] = 1
    inner = copied.get_ifd(ExifTags.IFD.Exif)
    for tag, value in zip(
        (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight), size, strict=True
    ):
        if tag in inner:
            inner[tag] = value
    return copied
