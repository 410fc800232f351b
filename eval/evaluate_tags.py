"""Scores a tag run by the paper's metrics (Sec. 4.2), the plain CNN's cuts beside it.

  python -m eval.evaluate_tags --workdir=runs/joint --cnn=runs/unary --data_dir=data
  python -m eval.evaluate_tags --workdir=runs/seed0 --workdir=runs/seed1 --out=runs/both ...

Prints a table with 95 % intervals (bootstrap over images) and the paper's row; writes
results.json, predictions.jsonl and pictures for the report into the work directory or --out.
Several work directories are an ensemble: probabilities are averaged at each step. The decoding
may differ from the run's: --config.decoding.block_repeats=true.
"""

import sys

from absl import app, flags

from semreg_tf import config_io, console
from semreg_tf.reporting import result_tables
from semreg_tf.training.evaluate_run import NUM_PICTURES, evaluate_tags

_WORKDIRS = flags.DEFINE_multi_string(
    "workdir", None, "Work directory of the run; several are an ensemble.", required=True
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.", required=True)
_CNN = flags.DEFINE_string("cnn", None, "Work directory of the CNN alone (the unary stage).")
_SPLIT = flags.DEFINE_string("split", None, "The split; the config's test split if not given.")
_OVERRIDES = flags.DEFINE_multi_string(
    "config", [], "Another decoding, as --config.decoding.field=value; repeatable."
)
_OUT = flags.DEFINE_string("out", None, "Folder of the results; the (first) --workdir if none.")
_PICTURES = flags.DEFINE_integer(
    "num_pictures", NUM_PICTURES, "Pictures kept besides the best and the worst; 0: none.", 0
)


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    with console.plain_errors():
        results = evaluate_tags(
            _WORKDIRS.value,
            _DATA_DIR.value,
            _SPLIT.value,
            _CNN.value,
            _PICTURES.value,
            overrides=_OVERRIDES.value,
            out=_OUT.value,
        )
    print(f"{results['experiment']} on {results['num_images']} images of {results['split']}")
    print(console.table(*result_tables.tag_table(results)))
    for note in result_tables.notes(results):
        print(f"note: {note}")


if __name__ == "__main__":
    app.run(main, argv=config_io.override_flags(sys.argv))
