"""Scores a tag run by the paper's metrics (Sec. 4.2), the plain CNN's cuts beside it.

  python -m eval.evaluate_tags --workdir=runs/joint --cnn=runs/unary --data_dir=data

Prints a table, writes results.json and predictions.jsonl into the work directory.
"""

from absl import app, flags

from semreg_tf import console
from semreg_tf.training.evaluate_run import evaluate_tags

_WORKDIR = flags.DEFINE_string("workdir", None, "Work directory of the run.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.", required=True)
_CNN = flags.DEFINE_string("cnn", None, "Work directory of the CNN alone (the unary stage).")
_SPLIT = flags.DEFINE_string("split", None, "The split; the config's test split if not given.")
COLUMNS = ("C-R", "C-P", "C-F1", "O-R", "O-P", "O-F1", "micro-F1", "mAP")


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    with console.plain_errors():
        results = evaluate_tags(_WORKDIR.value, _DATA_DIR.value, _SPLIT.value, _CNN.value)
    rows = [
        [name, *("-" if scores[c] is None else f"{100 * scores[c]:.2f}" for c in COLUMNS)]
        for name, scores in results["systems"].items()
    ]
    print(f"{results['experiment']} on {results['num_images']} images of {results['split']}")
    print(console.table(["system", *COLUMNS], rows))


if __name__ == "__main__":
    app.run(main)
