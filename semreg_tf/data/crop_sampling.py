"""What a crop of a resized picture needs of it, and the centre sampled by NumPy as the graph does.

NumPy alone is imported: where a model runs without TensorFlow, pictures are read here.
"""

import numpy as np

# By how much of a source pixel a crop's edges may be off.
EDGE_TOLERANCE = 1 / 16
# The longest side, in pixels, of which a crop's window is taken; of longer ones all is read.
LONGEST_SIDE = 4096


def crop_windows(sides: np.ndarray, resized: int, size: int) -> np.ndarray:
    """Returns the windows of crops of one axis, by the picture's side and the crop's offset.

    A window is the crop widened to where edges of resized and of source pixels meet within
    `EDGE_TOLERANCE`, at worst to the whole side, so that resizing the window alone samples where
    resizing the picture would. Sides smaller than `resized` are taken whole, since there samples
    reach beyond the window.

    Args:
      sides: of pictures, in pixels, (pictures,).
      resized: the side of the square that pictures are resized to.
      size: the crop's side.

    Returns:
      (pictures, resized - size + 1, 4) int: the first source pixel and how many there are, the
      resized pixels they become, and how many of these are before the crop.
    """
    sides, ends = np.asarray(sides)[:, None], np.arange(resized + 1)
    edges = ends * sides / resized
    pixels = np.rint(edges).astype(int)
    meet = (np.abs(edges - pixels) <= EDGE_TOLERANCE) & (sides >= resized)
    first = np.maximum.accumulate(np.where(meet, ends, 0), 1)[:, : resized - size + 1]
    last = np.where(meet, ends, resized)[:, ::-1]
    last = np.minimum.accumulate(last, 1)[:, ::-1][:, size:]
    rows, offsets = np.arange(len(sides))[:, None], np.arange(resized - size + 1)
    start = pixels[rows, first]
    return np.stack([start, pixels[rows, last] - start, last - first, offsets - first], -1)


def sampled_centre(pixels: np.ndarray, resized: int, size: int) -> np.ndarray:
    """Returns the centre of a picture that is resized to a square, as an export's graph does.

    Args:
      pixels: RGB, (height, width, 3) uint8.
      resized: the side of the square.
      size: the centre's side.

    Returns:
      Bilinear samples without smoothing, (size, size, 3) float32 in [0, 255].
    """
    upper, lower, down = _places(pixels.shape[0], resized, size)
    left, right, across = _places(pixels.shape[1], resized, size)
    lines = []
    for rows in (upper, lower):
        line = pixels[rows]
        near = line[:, left].astype(np.float32)
        lines.append(near + (line[:, right] - near) * across[:, None])
    return lines[0] + (lines[1] - lines[0]) * down[:, None, None]


def _places(side: int, resized: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the pixels on both sides of each sample of one axis, and how far it is between."""
    offset = (resized - size) // 2
    first, extent, target, before = 0, side, resized, offset
    if side <= LONGEST_SIDE:
        first, extent, target, before = crop_windows(np.array([side]), resized, size)[0, offset]
    scale = np.float32(extent) / np.float32(target)
    middles = np.arange(before, before + size, dtype=np.float32) + np.float32(0.5)
    places = middles * scale - np.float32(0.5)
    whole = np.floor(places)
    near = np.maximum(whole, 0).astype(int)
    far = np.minimum(np.ceil(places), extent - 1).astype(int)
    return first + near, first + far, (places - whole).astype(np.float32)
