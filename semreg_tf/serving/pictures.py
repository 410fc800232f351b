"""A picture from a stranger: measured by its header before anything is unpacked."""

import io

from PIL import Image, UnidentifiedImageError

from semreg_tf.inference import FORMATS, read_image
from semreg_tf.serving.limits import Refusal


def check_picture(data: bytes, max_pixels: int) -> tuple[bytes, int]:
    """Returns a picture as the model's decoder takes it, and its number of pixels.

    The decoder inside the graph raises for a whole batch, so every picture is read through once
    here, after its header has said that it is small enough.

    Args:
      data: the encoded picture.
      max_pixels: more are refused unread.

    Raises:
      Refusal: 422, not a whole JPEG, PNG, GIF or BMP picture, or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
        if width * height <= max_pixels:
            return read_image(data), width * height
    except UnidentifiedImageError:
        raise Refusal(422, "This is not a JPEG, PNG, GIF or BMP picture.") from None
    except Image.DecompressionBombError:
        raise Refusal(422, f"The picture has more than {max_pixels:,} pixels.") from None
    # A broken file raises whatever the reader of its format ran into.
    except Exception as error:
        raise Refusal(422, f"The picture is damaged: {error.__cause__ or error}.") from None
    raise Refusal(
        422, f"The picture has {width} x {height} pixels; at most {max_pixels:,} are taken."
    )
