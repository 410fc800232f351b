"""Chooses k, m, n and the similarity of consensus reranking on the validation split (m-RNN).

  python -m eval.choose_reranking --workdir=runs/joint --data_dir=data

Prints all combinations, the best first, and the flags of evaluate_captions for the best. Choose on
another split than the one whose scores are reported, which would otherwise be too high.
"""

from pathlib import Path

from absl import flags

from cli import program, shared_flags
from semreg_tf import console

_WORKDIRS = shared_flags.define_workdirs()
_DATA_DIR = shared_flags.define_data_dir()
_SPLIT = shared_flags.define_split("validation")
_METRIC = flags.DEFINE_enum(
    "metric",
    "CIDEr",
    ["BLEU-1", "BLEU-4", "CIDEr", "ROUGE-L"],
    "The metric that ranks the settings; the highest value is the best.",
)
_SIMILARITIES = flags.DEFINE_list("similarities", ["cider", "bleu"], "Similarity measures to try.")
_HYPOTHESES = flags.DEFINE_list("hypotheses", ["5", "10"], "Numbers n of hypotheses to try.")
_NEIGHBOURS = flags.DEFINE_list(
    "neighbours", ["30", "60", "120"], "Numbers k of nearest images to try."
)
_BEST = flags.DEFINE_list(
    "best", ["50", "125", "175"], "Numbers m of highest similarities to average, to try."
)


def numbers(name: str, values: list[str]) -> list[int]:
    """Returns the whole numbers of a list flag.

    Raises:
      ValueError: a value is not a whole number.
    """
    if not values or not all(value.strip().isdecimal() for value in values):
        raise ValueError(f"`{name}` must be whole numbers, as 5,10. Received: {name}={values}")
    return [int(value) for value in values]


def main(_: list[str]) -> None:
    """Scores and prints all combinations."""
    with console.plain_errors():
        sizes = [
            numbers("hypotheses", _HYPOTHESES.value),
            numbers("neighbours", _NEIGHBOURS.value),
            numbers("best", _BEST.value),
        ]
        from semreg_tf.evaluation.consensus import grid, try_settings
        from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun

        settings = grid(_SIMILARITIES.value, *sizes)
        run = EvaluatedRun(_WORKDIRS.value, _DATA_DIR.value)
        run.check_task("captions")
        split = run.split(_SPLIT.value or run.config.data.validation_split)
        folder = Path(run.path) / "features"
        scored = try_settings(run, split, settings, folder, _METRIC.value)
    header = ["similarity", "n hypotheses", "k neighbours", "m best", _METRIC.value]
    rows = [
        [s.similarity, str(s.hypotheses), str(s.neighbours), str(s.best), f"{score:.4f}"]
        for s, score in scored
    ]
    print(f"{run.config.name} on {split.num_images:,} images of {split.name}")
    print(console.table(header, rows))
    best, _ = scored[0]
    fields = ("similarity", "hypotheses", "neighbours", "best")
    print(" ".join(f"--config.reranking.{name}={getattr(best, name)}" for name in fields))


if __name__ == "__main__":
    program.run(main, stopped="Stopped; features are saved, scores are not.")
