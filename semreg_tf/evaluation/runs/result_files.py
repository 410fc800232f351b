"""The files that an evaluation writes: results.json, predictions.jsonl, pictures, a submission."""

import io
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semreg_tf import config_io
from semreg_tf.data.input_pipeline import Split
from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.files.digests import with_own_digest
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.result_origin import CHECKPOINTS, DATASET_DIGESTS
from semreg_tf.files.whole_file import write_json, write_whole
from semreg_tf.label_task import LABEL_RESULTS
from semreg_tf.metrics import coco_results
from semreg_tf.training import workdir

PICTURE_SIDE = 224
# Number of saved pictures with the best scores, and of those with the worst.
NUM_EXTREMES = 12


def open_folder(run: EvaluatedRun, out: str | Path | None) -> Path:
    """Returns the folder for the results; copies config and names to another than the run's.

    Args:
      run: the evaluated run.
      out: a folder that is not a work directory; None: the work directory of the first run, or
        `labels/` in it for the tag model of a run on captions and labels.

    Raises:
      ValueError: `out` is a file, or the work directory of another run.
    """
    if out is None and run.is_label_part:
        # The work directory holds the results of the captions.
        out = run.path / LABEL_RESULTS
    if out is None or Path(out).resolve() == run.path.resolve():
        return run.path
    folder = Path(out)
    if folder.is_file() or (folder / "checkpoints").exists():
        kind = "a file" if folder.is_file() else "a run with checkpoints"
        raise ValueError(
            "`out` must be a new folder or one that holds only earlier results. "
            f"Received: out={str(out)!r}, {kind}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    about = workdir.read_about(run.path)
    about["config"] = config_io.to_dict(run.config)
    about["evaluated"] = [str(path) for path in run.paths]
    write_json(folder / workdir.CONFIG_FILE, with_own_digest(about))
    for path in run.path.glob("*.txt"):
        shutil.copy(path, folder / path.name)
    return folder


def about(run: EvaluatedRun, split: Split) -> dict[str, Any]:
    """Returns the fields of `results.json` on the run and the data."""
    written = workdir.read_about(run.path)
    return {
        "experiment": run.config.name,
        "table_row": run.config.table_row,
        "task": run.config.data.task,
        "stage": run.stage,
        "dataset": run.config.data.dataset,
        "split": split.name,
        "num_images": split.num_images,
        "seed": run.config.seed,
        "commit": written.get("commit"),
        "true_concepts": run.true_concepts,
        "decoding": config_io.to_dict(run.config)["decoding"],
        "test_views": run.config.image.test_views,
        "evaluated": [str(path) for path in run.paths],
        CHECKPOINTS: run.checkpoints,
        DATASET_DIGESTS: run.contents,
    }


def pictured_rows(
    scores: Sequence[float | None], num_first: int, num_extremes: int = NUM_EXTREMES
) -> list[int]:
    """Chooses the pictures to save: the first of a split, its worst and its best by score.

    Args:
      scores: score of each image, None or NaN if it has none.
      num_first: number of pictures from the start of the split; 0: save none at all.
      num_extremes: number of the worst pictures, and of the best.

    Returns:
      Rows in ascending order.
    """
    if not num_first:
        return []
    values = np.array([np.nan if s is None else s for s in scores], np.float64)
    scored = np.flatnonzero(~np.isnan(values))
    # Of equal scores the earlier picture is the better, as in the report.
    ranked = scored[np.argsort(-values[scored], kind="stable")].tolist()
    best, worst = ranked[:num_extremes], ranked[len(ranked) - num_extremes :]
    return sorted({*range(min(num_first, len(values))), *best, *worst})


def write(
    folder: Path,
    split: Split,
    rows: Sequence[dict[str, Any]],
    results: dict[str, Any],
    pictured: Iterable[int],
) -> None:
    """Writes pictures, then `predictions.jsonl`, then `results.json`, each atomically.

    Pictures of the rows `pictured` are saved, and named in these rows as `picture`. Other pictures
    of an earlier evaluation of the split are removed.
    """
    # The lock keeps two evaluations from mixing their files.
    with FileLock(folder / ".results.lock", "out", folder, wait=True):
        pictures = _write_pictures(folder, split, list(pictured))
        for row, name in pictures.items():
            rows[row]["picture"] = f"pictures/{name}"
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_whole(folder / "predictions.jsonl", lines)
        write_json(folder / "results.json", results)
        of_split = re.compile(re.escape(split.name) + r"-\d{5,}\.jpg")
        for path in (folder / "pictures").glob("*.jpg"):
            if of_split.fullmatch(path.name) and path.name not in pictures.values():
                path.unlink()


def submission_name(split: str, experiment: str) -> str:
    """Returns the name of the file for the COCO server, with the last part of the experiment's.

    Raises:
      ValueError: `split` cannot be part of a file name.
    """
    system = re.sub(r"[\s\\]+", "-", experiment.rpartition("/")[2].strip())
    return coco_results.results_file_name(split, system or "unnamed")


def write_submission(path: Path, captions: Mapping[str, str]) -> None:
    """Writes captions by image in the COCO server's format; ids that are integers as such."""
    by_id = {
        int(image_id) if _is_integer(image_id) else image_id: caption
        for image_id, caption in captions.items()
    }
    coco_results.write_results(path, by_id)


def _is_integer(image_id: str) -> bool:
    # An id with leading zeros stays a string, as "01" and "1" are different images.
    return image_id.isascii() and image_id.isdecimal() and str(int(image_id)) == image_id


def _write_pictures(folder: Path, split: Split, rows: list[int]) -> dict[int, str]:
    """Writes small JPEG copies of a split's rows; returns their file names by row."""
    names = {row: f"{split.name}-{row:05d}.jpg" for row in rows}
    if names:
        (folder / "pictures").mkdir(exist_ok=True)
        for name, encoded in zip(names.values(), split.pictures(names), strict=True):
            (folder / "pictures" / name).write_bytes(_small_jpeg(encoded))
    return names


def _small_jpeg(encoded: bytes) -> bytes:
    with Image.open(io.BytesIO(encoded)) as picture:
        small = picture.convert("RGB")
        small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=85)
    return out.getvalue()
