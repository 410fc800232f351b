"""Drawing of scenes with PIL: simple shapes with clutter, haze and noise, which a CNN can miss."""

import io
import math

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter

from data_prep.demo.scenes import SKY, Scene, Thing
from data_prep.demo.things import DRAW, Pen

SIDE = 96
JPEG_QUALITY = 90
# Scenes are drawn at twice the size and shrunk, which smooths the edges.
_CANVAS = 2 * SIDE
# Sky and ground colours; those of snow and sea, and of grass and desert, are similar on purpose.
_SKY_COLOURS = {
    "grass": (150, 195, 235),
    "sea": (165, 200, 228),
    "night": (22, 26, 62),
    "snow": (190, 205, 222),
    "desert": (200, 208, 215),
}
_GROUND_COLOURS = {
    "grass": (120, 165, 72),
    "sea": (70, 125, 185),
    "night": (38, 46, 62),
    "snow": (222, 230, 240),
    "desert": (214, 186, 118),
}
_HAZE = np.array([172.0, 178.0, 182.0])
_MAX_HAZE = 0.4
_PIXEL_NOISE = 9.0
_PATCHES = 4


def draw_scene(scene: Scene, rng: np.random.Generator) -> bytes:
    """Returns a JPEG file of a scene, of `SIDE` x `SIDE` pixels, with random clutter and noise."""
    image = PIL.Image.new("RGB", (_CANVAS, _CANVAS))
    draw = PIL.ImageDraw.Draw(image)
    horizon = rng.uniform(0.42, 0.56) * _CANVAS
    sky = _jitter(_SKY_COLOURS[scene.background], 22, rng)
    ground = _jitter(_GROUND_COLOURS[scene.background], 22, rng)
    draw.rectangle((0, 0, _CANVAS, _CANVAS), fill=sky)
    draw.rectangle((0, horizon, _CANVAS, _CANVAS), fill=ground)
    _draw_patches(draw, ground, horizon, rng)
    for thing in scene.things:
        _draw_group(draw, thing, rng)
    return _finish(image, scene.background, rng)


def _jitter(colour: tuple[int, ...], spread: float, rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(np.clip(np.array(colour) + rng.normal(0, spread, 3), 0, 255).astype(int).tolist())


def _draw_patches(
    draw: PIL.ImageDraw.ImageDraw,
    ground: tuple[int, ...],
    horizon: float,
    rng: np.random.Generator,
) -> None:
    """Draws meaningless ellipses as clutter, some in the colours of things."""
    for _ in range(rng.poisson(_PATCHES)):
        x, width = rng.uniform(0, _CANVAS), rng.uniform(4, 26)
        y, height = rng.uniform(0.05 * _CANVAS, _CANVAS), width * rng.uniform(0.3, 0.9)
        near = ground if y > horizon else (200, 208, 220)
        bright = rng.random() < 0.2
        fill = tuple(rng.integers(30, 240, 3).tolist()) if bright else _jitter(near, 26, rng)
        draw.ellipse((x - width / 2, y - height / 2, x + width / 2, y + height / 2), fill=fill)


def _draw_group(draw: PIL.ImageDraw.ImageDraw, thing: Thing, rng: np.random.Generator) -> None:
    half = thing.scale * 0.1 * _CANVAS
    spread = 0 if thing.count == 1 else 1.15 * half
    for i in range(thing.count):
        offset = (i - (thing.count - 1) / 2) * 2 * spread
        lift = rng.uniform(-0.5, 0.5) * half * (2 if thing.label in SKY else 0.6)
        x = thing.x * _CANVAS + offset
        y = thing.y * _CANVAS + (lift if thing.count > 1 else 0)
        DRAW[thing.label](Pen(draw, x, y, half * rng.uniform(0.88, 1.12), thing.colour, rng))


def _finish(image: PIL.Image.Image, background: str, rng: np.random.Generator) -> bytes:
    """Shrinks the image, adds some blur, haze, brightness and noise, and returns a JPEG file."""
    small = image.resize((SIDE, SIDE), PIL.Image.Resampling.BOX)
    if rng.random() < 0.3:
        small = small.filter(PIL.ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0)))
    pixels = np.asarray(small, np.float32)
    haze = _MAX_HAZE * rng.random() ** 2 * (0.4 if background == "night" else 1)
    pixels = pixels * (1 - haze) + _HAZE * haze
    pixels *= math.exp(rng.normal(0, 0.16))
    pixels += rng.normal(0, _PIXEL_NOISE, pixels.shape)
    buffer = io.BytesIO()
    final = PIL.Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    final.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
