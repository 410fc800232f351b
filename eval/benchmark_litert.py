"""Size, speed and agreement of LiteRT files beside the SavedModel they are made from.

The binary gives TensorFlow as many threads as LiteRT has, one.

The functions read a picture that is already decoded, resized and cropped, and TensorFlow runs the
same functions. Different JPEG decoders change the words too, so Pillow decodes every picture once
for all ways.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from eval.benchmark_annotate import write_pictures
from semreg_tf.export_litert import litert_functions
from semreg_tf.export_run import export_run, read_export_part
from semreg_tf.exporting.litert_conversion import LITERT_DTYPES
from semreg_tf.files.export_info import LITERT
from semreg_tf.image_annotation import ImageAnnotation
from semreg_tf.inference import ExportedModel
from semreg_tf.litert_model import MODEL_FILE, LiteRTModel

MODELS = ("models/flickr8k_captions", "models/corel5k_tags")
FUNCTIONS = ("concepts", "greedy", "beam")
SAVED = "SavedModel"


def run(
    models: Sequence[str] = MODELS,
    pictures: str | None = None,
    *,
    num_pictures: int = 250,
    num_timed: int = 30,
    report: Callable[[str], None] = print,
) -> list[dict[str, float | str]]:
    """Compares each model's files with its SavedModel.

    Args:
      models: folders of SavedModels.
      pictures: a folder of pictures; None: drawn ones, whose agreement means nothing.
      num_pictures: most pictures to annotate.
      num_timed: pictures on which every function is timed; the ways take turns.
      report: called with one line of text per row.

    Returns:
      A row per model and way (`SAVED` or a dtype of LiteRT): `megabytes`, the median milliseconds
      of each of `FUNCTIONS`, and for LiteRT `same_best` and `same_all`, the shares of pictures on
      which the best text, or all texts, equal the SavedModel's.
    """
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoded = _decoded_once(_files(pictures, folder, num_pictures))
        for model in models:
            rows += _compare(model, folder / Path(model).name, encoded, num_timed)
            for row in rows[-1 - len(LITERT_DTYPES) :]:
                report(format_row(row))
    return rows


def format_row(row: Mapping[str, float | str]) -> str:
    """Returns a row of `run` as one line of text."""
    times = "  ".join(f"{name} {row[name]:6.1f} ms" for name in FUNCTIONS)
    same = ""
    if "same_best" in row:
        same = f"  same best text {row['same_best']:6.1%}, all texts {row['same_all']:6.1%}"
    return (
        f"litert  {row['model']:<20s} {row['way']:<10s} {row['megabytes']:5.1f} MB  {times}{same}"
    )


def _files(pictures: str | None, folder: Path, number: int) -> list[str]:
    if pictures is None:
        return write_pictures(folder, number)
    files = sorted(str(path) for path in Path(pictures).iterdir() if path.is_file())[:number]
    if not files:
        raise ValueError(f"`pictures` must hold pictures. Received: pictures={pictures!r}")
    return files


def _decoded_once(files: Sequence[str]) -> list[bytes]:
    encoded = []
    for file in files:
        out = io.BytesIO()
        Image.open(file).convert("RGB").save(out, "PNG", compress_level=1)
        encoded.append(out.getvalue())
    return encoded


def _compare(
    model: str, folder: Path, encoded: Sequence[bytes], num_timed: int
) -> list[dict[str, float | str]]:
    saved = ExportedModel(model)
    wanted = _texts(saved.annotate(encoded))
    _, module = litert_functions(read_export_part(model))
    ways: dict[str, Callable] = {SAVED: lambda name, image: signatures[name](image=image)}
    signatures = module.signatures()
    rows = [{"model": Path(model).name, "way": SAVED, "megabytes": _megabytes(Path(model))}]
    for dtype in LITERT_DTYPES:
        path, _ = export_run(model, folder / dtype, weights_dtype=dtype, format=LITERT)
        lite = LiteRTModel(path, num_threads=1)
        texts = _texts(lite.annotate(encoded))
        pairs = list(zip(texts, wanted, strict=True))
        rows.append(
            {
                "model": Path(model).name,
                "way": dtype,
                "megabytes": _megabytes(path / MODEL_FILE),
                "same_best": float(np.mean([a[0] == b[0] for a, b in pairs])),
                "same_all": float(np.mean([a == b for a, b in pairs])),
            }
        )
        ways[dtype] = lambda name, image, lite=lite: lite.run(name, image=image)
    images = [lite.pixels(data) for data in encoded[:num_timed]]
    times = _median_ms(ways, images)
    return [{**row, **times[str(row["way"])]} for row in rows]


def _texts(annotations: Sequence[ImageAnnotation]) -> list[list[str]]:
    return [[text for text, _ in annotation.n_best] for annotation in annotations]


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(p.stat().st_size for p in files) / 1e6


def _median_ms(
    ways: Mapping[str, Callable], images: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
    """Returns the median milliseconds of each function, by way; the first picture warms up."""
    millisecs: dict[tuple[str, str], list[float]] = {}
    for image in [images[0], *images]:
        for name in FUNCTIONS:
            for way, call in ways.items():
                before = time.perf_counter()
                call(name, image)
                passed = time.perf_counter() - before
                millisecs.setdefault((way, name), []).append(1e3 * passed)
    return {
        way: {name: statistics.median(millisecs[way, name][1:]) for name in FUNCTIONS}
        for way in ways
    }
