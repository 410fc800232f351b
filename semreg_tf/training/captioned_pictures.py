"""Images of a split with text below, for TensorBoard."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from semreg_tf.data.input_pipeline import Split

WIDTH, PICTURE_HEIGHT, TEXT_HEIGHT = 320, 240, 72
_FONT_SIZE, _CHARACTERS_A_LINE = 15, 40


def captioned_pictures(split: Split, texts: Sequence[str]) -> np.ndarray:
    """Returns the split's first images with a text below each, (images, 312, 320, 3) uint8."""
    pairs = zip(split.pictures(range(len(texts))), texts, strict=True)
    return np.stack([_card(Image.open(io.BytesIO(x)).convert("RGB"), text) for x, text in pairs])


def _card(picture: Image.Image, text: str) -> np.ndarray:
    canvas = Image.new("RGB", (WIDTH, PICTURE_HEIGHT + TEXT_HEIGHT), "white")
    picture.thumbnail((WIDTH, PICTURE_HEIGHT))
    canvas.paste(picture, ((WIDTH - picture.width) // 2, (PICTURE_HEIGHT - picture.height) // 2))
    lines = "\n".join(textwrap.wrap(text, _CHARACTERS_A_LINE)[:4])
    font = ImageFont.load_default(size=_FONT_SIZE)
    ImageDraw.Draw(canvas).multiline_text((6, PICTURE_HEIGHT + 2), lines, "black", font, spacing=1)
    return np.asarray(canvas)
