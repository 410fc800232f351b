"""Scores a file of predictions, by any system, on a prepared split.

  python -m eval.evaluate_predictions --task=captions --predictions=captions.json \
      --data_dir=data --dataset=flickr8k --split=test
  python -m eval.evaluate_predictions --task=tags --predictions=tags.jsonl \
      --data_dir=data --dataset=nus_wide

Captions: the COCO results format, a JSON list of {"image_id": 42, "caption": "a dog runs"}.
Tags: JSON Lines, {"image_id": "0001_2124494179", "labels": ["sky", "water"]} on each line.
Both: CSV, in a file that ends in .csv or .tsv, with the columns image_id and caption, or image_id
and labels, which are separated by "|".

Unknown images, images named twice, unknown classes and malformed JSON are errors that name their
place. Images without a prediction are an error too, unless --allow_missing counts them and leaves
them out. Empty predictions are counted and score 0.
"""

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.reporting import result_tables

TASKS = ("captions", "tags")
WITHOUT_LABELS = ("none", "unknown")

_PREDICTIONS = flags.DEFINE_string("predictions", None, "File of predictions.", required=True)
_TASK = flags.DEFINE_enum("task", None, TASKS, "Kind of the predictions.", required=True)
_DATA_DIR = shared_flags.define_data_dir()
_DATASET = flags.DEFINE_string("dataset", None, "Name of the data set.", required=True)
_SPLIT = flags.DEFINE_string("split", "test", "Split to score on.")
_ALLOW_MISSING = flags.DEFINE_bool(
    "allow_missing", False, "Leave out images without a prediction instead of refusing the file."
)
_WITHOUT_LABELS = flags.DEFINE_enum(
    "without_labels",
    "none",
    WITHOUT_LABELS,
    "What is true of images without labels: that they have none, or, as their labels are unknown, "
    "nothing, so that they have no scores.",
)
_METEOR = shared_flags.define_meteor()
_OUT = flags.DEFINE_string("out", None, "JSON file for the results.")


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    options = {}
    if _TASK.value == "captions":
        options["meteor"] = shared_flags.meteor_of(_METEOR)
    with console.plain_errors():
        from semreg_tf.evaluation.evaluate_predictions import PreparedSplit, evaluate_predictions

        results = evaluate_predictions(
            _PREDICTIONS.value,
            _TASK.value,
            PreparedSplit(_DATA_DIR.value, _DATASET.value, _SPLIT.value),
            allow_missing=_ALLOW_MISSING.value,
            without_labels=_WITHOUT_LABELS.value,
            out=_OUT.value,
            **options,
        )
    table = {"captions": result_tables.caption_table, "tags": result_tables.tag_table}
    print(f"{results['num_images']} images of {results['dataset']} {results['split']}")
    print(console.table(*table[_TASK.value](results)))
    for note in result_tables.notes(results):
        print(f"note: {note}")


if __name__ == "__main__":
    program.run(main, stopped=shared_flags.STOPPED_EVALUATION)
