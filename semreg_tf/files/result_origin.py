"""Whether scores beside a run are of that run and of its best checkpoint, by the JSON files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semreg_tf.files.json_files import object_in, read_json_object

# Fields of the results: the checkpoints that were evaluated, and the content of their data set.
CHECKPOINTS, DATASET_DIGESTS = "checkpoints", "dataset_digests"


def checkpoint_origin(checkpoint: Path) -> dict[str, Any]:
    """Returns a checkpoint's `step`, and the digest of its weights, which early ones lack.

    Raises:
      ValueError: its `state.json` is missing or damaged.
    """
    state = read_json_object(checkpoint / "state.json", "checkpoint", fields=("step",))
    return {"step": state["step"], "sha256": state.get("tensors_index_sha256")}


def best_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Returns `checkpoint_origin` of a run's best checkpoint, or its last; None if none is whole.

    Args:
      folder: the work directory.
    """
    paths = sorted((folder / "checkpoints").glob("step-????????"))
    try:
        best_file = folder / "checkpoints" / "best.json"
        best = read_json_object(best_file, "workdir") if best_file.exists() else {}
        named = [path for path in paths if path.name == best.get("checkpoint")]
        return checkpoint_origin((named or paths)[-1]) if paths else None
    except ValueError:
        return None


def other_run(results: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Returns how scores contradict a run, such as "of another run (seed 9)", or "".

    Args:
      results: the contents of a file of scores.
      about: the contents of the run's `config.json`.
    """
    config = object_in(about, "config")
    expected = {
        "experiment": config.get("name"),
        "stage": about.get("stage"),
        "dataset": object_in(config, "data").get("dataset"),
        "seed": config.get("seed"),
    }
    wrong = [
        f"{name} {results[name]!r}"
        for name, value in expected.items()
        if value is not None and results.get(name) is not None and results[name] != value
    ]
    return f"of another run ({', '.join(wrong)})" if wrong else ""


def other_weights(results: Mapping[str, Any], about: Mapping[str, Any], folder: Path) -> str:
    """Returns how scores differ from those that a run would get now, or "".

    Scores of earlier versions, and those in a folder without checkpoints, pass.

    Args:
      results: the contents of a file of scores.
      about: the contents of the run's `config.json`.
      folder: the work directory.
    """
    scored, best = results.get(CHECKPOINTS), best_checkpoint(folder)
    if not isinstance(scored, list) or not scored or best is None:
        return ""
    if len(scored) > 1:
        return f"of {len(scored)} runs averaged"
    if scored[0] != best:
        steps = [(origin if isinstance(origin, dict) else {}).get("step") for origin in scored]
        return f"of the checkpoint of step {steps[0]}, and the best is now of step {best['step']}"
    trained_on, scored_on = (object_in(x, DATASET_DIGESTS) for x in (about, results))
    if any(scored_on.get(part, digest) != digest for part, digest in trained_on.items()):
        return "on other content of the data set than the run was trained on"
    return ""
