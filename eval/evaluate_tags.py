"""Scores a tag run by the paper's metrics (Sec. 4.2), beside label sets of the CNN alone.

  python -m eval.evaluate_tags --workdir=runs/joint --cnn=runs/unary --data_dir=data
  python -m eval.evaluate_tags --workdir=runs/seed0 --workdir=runs/seed1 --out=runs/both ...

Prints a table with 95 % intervals (bootstrap over images) and the paper's row; writes
results.json, predictions.jsonl and pictures for the report into the work directory or --out.
Several work directories are evaluated as an ensemble: probabilities are averaged at each step.
--config.decoding.block_repeats=true and the like change the run's decoding.
"""

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.reporting import result_tables

_WORKDIRS = shared_flags.define_workdirs()
_DATA_DIR = shared_flags.define_data_dir()
_CNN = flags.DEFINE_string("cnn", None, "Work directory of the CNN alone (the unary stage).")
_SPLIT = shared_flags.define_split()
_OVERRIDES = shared_flags.define_overrides("Changes the decoding")
_OUT = shared_flags.define_out()
_PICTURES = shared_flags.define_num_pictures()


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    with console.plain_errors():
        shared_flags.check_overrides(_WORKDIRS.value, _OVERRIDES.value)
        from semreg_tf.evaluation.runs.evaluate_run import evaluate_tags
        from semreg_tf.evaluation.runs.options import TagOptions

        options = TagOptions(
            split=_SPLIT.value,
            overrides=_OVERRIDES.value,
            out=_OUT.value,
            num_pictures=_PICTURES.value,
            cnn_path=_CNN.value,
        )
        results = evaluate_tags(_WORKDIRS.value, _DATA_DIR.value, options)
    print(f"{results['experiment']} on {results['num_images']} images of {results['split']}")
    print(console.table(*result_tables.tag_table(results)))
    for note in result_tables.notes(results):
        print(f"note: {note}")


if __name__ == "__main__":
    program.run(main, stopped=shared_flags.STOPPED_EVALUATION)
