"""Scores a caption run by the COCO evaluation's metrics and its perplexity (Sec. 5.1).

  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data

Prints a table, writes results.json and predictions.jsonl into the work directory.
"""

from absl import app, flags

from semreg_tf import console
from semreg_tf.training.evaluate_run import evaluate_captions

_WORKDIR = flags.DEFINE_string("workdir", None, "Work directory of the run.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.", required=True)
_SPLIT = flags.DEFINE_string("split", None, "The split; the config's test split if not given.")
_METEOR = flags.DEFINE_enum(
    "meteor", "auto", ["auto", "yes", "no"], "METEOR needs Java; auto: where it is found."
)


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    meteor = {"auto": "auto", "yes": True, "no": False}[_METEOR.value]
    with console.plain_errors():
        results = evaluate_captions(_WORKDIR.value, _DATA_DIR.value, _SPLIT.value, meteor=meteor)
    print(f"{results['experiment']} on {results['num_images']} images of {results['split']}")
    rows = [
        [name, f"{value:,}" if isinstance(value, int) else f"{value:.4f}"]
        for name, value in results["captions"].items()
    ]
    print(console.table(["metric", "value"], rows))
    for warning in results["warnings"]:
        print(f"note: {warning}")


if __name__ == "__main__":
    app.run(main)
