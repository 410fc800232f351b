"""The size of a picture from its header."""

import io

from PIL import Image

from semreg_tf.data.picture_decoding import readable_formats


def picture_pixels(data: bytes) -> int:
    """Returns the number of pixels in a picture's header, or 0 if it cannot be read.

    Args:
      data: the encoded picture, which is not decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=readable_formats()) as picture:
            width, height = picture.size
            return width * height
    # `check_picture` reports the error when it decodes the picture.
    except Exception:
        return 0
