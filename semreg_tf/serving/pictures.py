"""Checks of untrusted pictures, by their headers before they are decoded."""

import io

from PIL import Image

from semreg_tf.data.picture_decoding import (
    UnreadablePictureError,
    for_graph,
    open_picture,
    readable_formats,
)
from semreg_tf.serving.limits import Refusal


def picture_pixels(data: bytes) -> int:
    """Returns the number of pixels in an encoded picture's header, or 0 if it cannot be read."""
    try:
        with Image.open(io.BytesIO(data), formats=readable_formats()) as picture:
            width, height = picture.size
            return width * height
    # `check_picture` reports the error when it decodes the picture.
    except Exception:
        return 0


def check_picture(data: bytes, max_pixels: int) -> tuple[bytes, int]:
    """Returns a picture in a format of the model's picture decoder, and its number of pixels.

    The decoder in the graph raises for a whole batch, so every picture is decoded here once, after
    its header has shown that it is small enough.

    Raises:
      Refusal: 422 if the picture cannot be read or is too large.
    """
    try:
        with open_picture(data, max_pixels) as picture:
            width, height = picture.size
        return for_graph(data, max_pixels), width * height
    except UnreadablePictureError as error:
        raise Refusal(422, f"The picture cannot be read: {error}.") from None
