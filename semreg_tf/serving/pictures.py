"""A picture from a stranger: measured by its header before anything is unpacked."""

from semreg_tf.data.picture_decoding import UnreadablePictureError, for_graph, open_picture
from semreg_tf.serving.limits import Refusal


def check_picture(data: bytes, max_pixels: int) -> tuple[bytes, int]:
    """Returns a picture as the model's decoder takes it, and its number of pixels.

    The decoder inside the graph raises for a whole batch, so every picture is read through once
    here, after its header has said that it is small enough.

    Args:
      data: the encoded picture.
      max_pixels: more are refused unread.

    Raises:
      Refusal: 422, no picture that can be read, or too large.
    """
    try:
        with open_picture(data, max_pixels) as picture:
            width, height = picture.size
        return for_graph(data, max_pixels), width * height
    except UnreadablePictureError as error:
        raise Refusal(422, f"The picture cannot be read: {error}.") from None
