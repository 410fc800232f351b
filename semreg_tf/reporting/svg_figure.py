"""A matplotlib figure that becomes an SVG file, with equal bytes for equal contents."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextlib.contextmanager
def svg_figure(path: Path, width: float, height: float) -> Iterator["Figure"]:
    """Gives an empty figure of inches, and writes it at the end."""
    # The import takes a second, and tables do not need it.
    import matplotlib
    from matplotlib.figure import Figure

    # The salt makes the file reproducible.
    with matplotlib.rc_context({"svg.hashsalt": "semreg_tf"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path, metadata={"Date": None})
