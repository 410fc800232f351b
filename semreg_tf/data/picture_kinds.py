"""Descriptions of files that cannot be read as pictures, for error messages."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_BEGINNINGS = (
    (b"\xff\xd8\xff", "a JPEG picture that is damaged"),
    (b"\x89PNG", "a PNG picture that is damaged"),
    (b"GIF8", "a GIF picture that is damaged"),
    (b"II*\x00", "a TIFF picture that is damaged"),
    (b"MM\x00*", "a TIFF picture that is damaged"),
    (b"\x00\x05\x16\x07", "a file of macOS that holds a picture's properties, not the picture"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself"),
)
_PAGES = (b"<!doctype", b"<html")
_HEIC_HINT = "a HEIC picture, which needs the extra `heic`: pip install -e '.[heic]'"


def kind_of_unknown(data: bytes) -> str:
    """Returns what a file in no readable format is, or its first bytes if that is unknown."""
    if data[4:8] == b"ftyp":
        return _kind_of_container(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP picture that is damaged"
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning):
            return kind
    text = data[:1_000].lstrip().lower()
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith(_PAGES) or text.startswith(b"<?xml"):
        return "a web page"
    beginning = data[:8]
    is_text = beginning.isascii() and beginning.decode("latin-1").isprintable()
    shown = repr(beginning.decode()) if is_text else f"the bytes {beginning.hex(' ')}"
    return f"in no format that is known (it begins with {shown})"


def _kind_of_container(data: bytes) -> str:
    """Returns the kind of an ISO 14496-12 container, whose brand is at byte 8."""
    brand = data[8:12]
    if brand in _AVIF_BRANDS:
        return "an AVIF picture that is damaged, or that Pillow was built without"
    if brand in _HEIC_BRANDS:
        try:
            import pillow_heif  # noqa: F401
        except ImportError:
            return _HEIC_HINT
        return "a HEIC picture that is damaged"
    return "a video"
