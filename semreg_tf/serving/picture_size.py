"""How large a picture is, by its header alone."""

import io

from PIL import Image

from semreg_tf.data.picture_decoding import readable_formats


def picture_pixels(data: bytes) -> int:
    """Returns the number of pixels that a picture says it has; 0 where it does not say.

    Args:
      data: the encoded picture; nothing of it is unpacked.
    """
    try:
        with Image.open(io.BytesIO(data), formats=readable_formats()) as picture:
            width, height = picture.size
            return width * height
    # What is wrong with it is for the function that reads it through to say.
    except Exception:
        return 0
