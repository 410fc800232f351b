"""Picture files of every format, drawn and written by the tests, and the picture each shows."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, features

WIDTH, HEIGHT = 96, 64
ORIENTATION = 0x0112
# How a picture that is stored by each value's inverse is turned upright, in NumPy's terms.
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x, -1),
}

try:
    import pillow_heif

    pillow_heif.register_heif_opener()
except ImportError:
    pillow_heif = None


def scene():
    """Returns a smooth picture that is equal to none of its turned or mirrored forms."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]
    wave = 60 + 50 * np.sin(4 * x + 2 * y)
    return np.stack([wave + 60 * y, 230 * x, 200 * y * (1 - x) + 20], -1).round().astype(np.uint8)


SCENE = scene()
GREY = np.asarray(Image.fromarray(SCENE).convert("L"))
GREY_SCENE = np.repeat(GREY[..., None], 3, -1)
ALPHA = (255 * np.linspace(0, 1, WIDTH)[None].repeat(HEIGHT, 0)).round().astype(np.uint8)
OVER_WHITE = 255 - (255.0 - SCENE) * ALPHA[..., None] / 255
HALF_WHITE = np.where((ALPHA > 127)[..., None], SCENE, 255)


def save(pixels, image_format, mode=None, orientation=None, **options):
    """Returns a file's bytes; `pixels` are an array or a picture."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif.tobytes()
    out = io.BytesIO()
    (image.convert(mode) if mode else image).save(out, image_format, **options)
    return out.getvalue()


def turned(orientation, image_format, mode=None, **options):
    """Returns a file that stores the scene turned, and says so."""
    stored = np.ascontiguousarray(STORED[orientation](SCENE))
    return save(stored, image_format, mode, orientation, **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header, rows=b""):
    """Returns a PNG of a header (width, height, depth, colour type) and unpacked rows."""
    parts = (b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), (b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*p) for p in (*parts, (b"IEND", b"")))


def shallow_grey_png():
    """Four bits a pixel, two pixels a byte."""
    four = GREY >> 4
    return png((WIDTH, HEIGHT, 4, 0), b"".join(b"\0" + bytes(r[::2] << 4 | r[1::2]) for r in four))


def colour_key_png():
    """One colour of RGB is transparent: that of the left half."""
    pixels = np.concatenate([np.full_like(SCENE[:, : WIDTH // 2], 7), SCENE[:, WIDTH // 2 :]], 1)
    data = png((WIDTH, HEIGHT, 8, 2), b"".join(b"\0" + row.tobytes() for row in pixels))
    place = data.index(b"IDAT") - 4
    return data[:place] + chunk(b"tRNS", struct.pack(">HHH", 7, 7, 7)) + data[place:]


def deep_rgb_png():
    """Sixteen bits a channel, which Pillow reads and does not write."""
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in SCENE)
    return png((WIDTH, HEIGHT, 16, 2), rows)


def ycck_jpeg():
    """CMYK as Photoshop stores it: the three colours as luma and chroma, all inverted."""
    cmyk = np.asarray(Image.fromarray(SCENE).convert("CMYK"))
    luma = np.asarray(Image.fromarray(cmyk[..., :3].copy(), "RGB").convert("YCbCr"))
    stored = np.concatenate([255 - luma, cmyk[..., 3:]], -1)
    data = save(Image.fromarray(stored, "CMYK"), "JPEG", quality=95, subsampling=0)
    marker = data.index(b"Adobe")
    return data[: marker + 11] + b"\x02" + data[marker + 12 :]


def half_transparent():
    """Returns a picture each of whose pixels is seen or not, which is all that palettes know."""
    return Image.fromarray(np.dstack([SCENE, np.where(ALPHA > 127, 255, 0).astype(np.uint8)]))


def followed(image_format, **options):
    """Returns a file of several pictures, of which the scene is the first."""
    more = [Image.fromarray(255 - SCENE)]
    return save(SCENE, image_format, save_all=True, append_images=more, **options)


def flipped(data, place):
    """Returns a file with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def float_tiff(top):
    return save((GREY / 255 * top).astype(np.float32), "TIFF")


def raw_of_a_camera():
    """A TIFF whose first picture is a thumbnail, as DNG and NEF have it."""
    return save(SCENE, "TIFF", tiffinfo={254: 1})


BITS = GREY > 127
GREY_BITS = np.repeat(np.where(BITS, 255, 0)[..., None], 3, -1)
RGBA = np.dstack([SCENE, ALPHA])
RIGHT_HALF = np.where(np.arange(WIDTH)[None, :, None] < WIDTH // 2, 255, SCENE)
HIGH = {"quality": 95}
# Name, as docs/pictures.md has it -> (the file, the picture it shows, the mean error allowed).
SAMPLES = {
    "JPEG": (save(SCENE, "JPEG", **HIGH), SCENE, 2),
    "JPEG, progressive": (save(SCENE, "JPEG", progressive=True, **HIGH), SCENE, 2),
    "JPEG, grey": (save(GREY, "JPEG", **HIGH), GREY_SCENE, 2),
    "JPEG, CMYK": (save(SCENE, "JPEG", "CMYK", **HIGH), SCENE, 2),
    "JPEG, YCCK": (ycck_jpeg(), SCENE, 2),
    "MPO": (followed("MPO", **HIGH), SCENE, 2),
    "PNG": (save(SCENE, "PNG"), SCENE, 2),
    "PNG, grey": (save(GREY, "PNG"), GREY_SCENE, 2),
    "PNG, black and white": (save(Image.fromarray(BITS), "PNG"), GREY_BITS, 8),
    "PNG, palette": (save(Image.fromarray(SCENE).quantize(), "PNG"), SCENE, 5),
    "PNG, alpha": (save(RGBA, "PNG"), OVER_WHITE, 2),
    "PNG, grey with alpha": (
        save(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]), "PNG"),
        255 - (255.0 - GREY_SCENE) * ALPHA[..., None] / 255,
        2,
    ),
    "PNG, palette with transparency": (
        save(half_transparent().quantize(255, Image.Quantize.FASTOCTREE), "PNG"),
        HALF_WHITE,
        8,
    ),
    "PNG, colour key": (colour_key_png(), RIGHT_HALF, 4),
    "PNG, grey, 4 bits": (shallow_grey_png(), (GREY_SCENE >> 4) * 17, 2),
    "PNG, 16 bits": (deep_rgb_png(), SCENE, 2),
    "PNG, grey, 16 bits": (save(GREY.astype(np.uint16) * 257, "PNG"), GREY_SCENE, 2),
    "APNG": (followed("PNG"), SCENE, 2),
    "GIF": (save(SCENE, "GIF"), SCENE, 5),
    "GIF, animated": (followed("GIF"), SCENE, 5),
    "GIF, transparent": (save(half_transparent(), "GIF"), HALF_WHITE, 8),
    "BMP": (save(SCENE, "BMP"), SCENE, 2),
    "BMP, palette": (save(Image.fromarray(SCENE).quantize(), "BMP"), SCENE, 5),
    "WebP": (save(SCENE, "WEBP", **HIGH), SCENE, 2),
    "WebP, alpha": (save(RGBA, "WEBP", lossless=True, exact=True), OVER_WHITE, 2),
    "WebP, animated": (followed("WEBP", **HIGH), SCENE, 2),
    "TIFF": (save(SCENE, "TIFF", compression="tiff_lzw"), SCENE, 2),
    "TIFF, several pages": (followed("TIFF"), SCENE, 2),
    "TIFF, CMYK": (save(SCENE, "TIFF", "CMYK"), SCENE, 2),
    "TIFF, grey, 16 bits": (save(GREY.astype(np.uint16) * 257, "TIFF"), GREY_SCENE, 2),
    "TIFF, grey, 32 bits": (save(GREY.astype(np.int32) * (2**23), "TIFF"), GREY_SCENE, 2),
    "TIFF, floats": (float_tiff(1.0), GREY_SCENE, 2),
    "JPEG 2000": (save(SCENE, "JPEG2000"), SCENE, 2),
    "PPM, PGM": (save(SCENE, "PPM"), SCENE, 2),
}
for image_format, needed in (("AVIF", features.check("avif")), ("HEIC", pillow_heif)):
    if needed:
        plugin = "HEIF" if image_format == "HEIC" else image_format
        SAMPLES[image_format] = (save(SCENE, plugin, **HIGH), SCENE, 2)
        SAMPLES[f"{image_format}, alpha"] = (save(RGBA, plugin, **HIGH), OVER_WHITE, 3)

TURNED = {
    **{f"JPEG {i}": turned(i, "JPEG", **HIGH) for i in range(2, 9)},
    **{f"PNG {i}": turned(i, "PNG") for i in (3, 6)},
    **{f"WebP {i}": turned(i, "WEBP", **HIGH) for i in (5, 6)},
    **{f"TIFF {i}": turned(i, "TIFF") for i in (6, 7)},
    "CMYK JPEG 6": turned(6, "JPEG", "CMYK", **HIGH),
    "grey JPEG 8": turned(8, "JPEG", "L", **HIGH),
    "MPO 6": turned(6, "MPO", save_all=True, append_images=[Image.fromarray(SCENE)], **HIGH),
}
if features.check("avif"):
    TURNED["AVIF 6"] = turned(6, "AVIF", **HIGH)
if pillow_heif:
    TURNED["HEIC 6"] = turned(6, "HEIF", **HIGH)

# Name -> (the file, how the reason begins).
REFUSED = {
    "nothing": (b"", "empty file"),
    "bytes": (b"\x00\xffab", "in no format that is known (it begins with the bytes 00 ff 61 62)"),
    "text": (b"notes", "in no format that is known (it begins with 'notes')"),
    "a web page": (b"\n<!DOCTYPE html><p>gone</p>", "a web page"),
    "SVG": (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
    "PDF": (b"%PDF-1.7\n", "a PDF document"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
    "macOS's ._ file": (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "a file of macOS"),
    "MP4": (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", "a video"),
    "damaged HEIC": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1", "a HEIC picture"),
    "a camera's raw file": (raw_of_a_camera(), "a camera's raw file"),
    "half a JPEG": (SAMPLES["JPEG"][0][:900], "damaged: image file is truncated"),
    "a PNG with a bit flipped": (flipped(SAMPLES["PNG"][0], 300), "damaged: the checksum of its"),
    "a PNG without its end": (SAMPLES["PNG"][0][:-5], "damaged: its end is missing"),
    "half a PNG": (SAMPLES["PNG"][0][:900], "damaged: "),
    "half a WebP": (SAMPLES["WebP"][0][:300], "damaged: "),
    "half a TIFF": (SAMPLES["TIFF"][0][:700], "a TIFF picture"),
    "floats of no range": (float_tiff(1e6), "its values, "),
    "floats that are no numbers": (float_tiff(np.nan), "its values, nan to nan"),
    "a bomb": (png((30_000, 30_000, 8, 2)), "it has more than 178,956,970 pixels"),
    "a long bomb": (png((66_000, 1, 8, 2)), "it has 66000 x 1 pixels; a side of at most 65,500"),
}
