"""Prints how often training batches of short and of long captions are clipped.

  python -m eval.measure_clipping --workdir=runs/relational --data_dir=data

The relational stage makes batches of like lengths and its loss is summed over a caption's words, so
the gradient grows with the length while `clip_norm` does not. Takes the gradients of training
batches at the run's best checkpoint; the last two columns say what a threshold on the gradient by
the mean length would clip (`clip_scale=word`).
"""

from absl import flags

from semreg_tf import console
from semreg_tf.cli import program, shared_flags
from semreg_tf.files.whole_file import write_json

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Work directory of a relational or joint stage.", required=True
)
_DATA_DIR = shared_flags.define_data_dir()
_BATCHES = flags.DEFINE_integer("num_batches", 200, "Training batches to compute gradients of.")
_BUCKETS = flags.DEFINE_integer(
    "num_buckets", 5, "Buckets of caption length, with equally many batches each."
)
_OUT = flags.DEFINE_string("out", None, "JSON file for the figures; they are also printed.")
_COLUMNS = (
    "mean_length",
    "mean_norm",
    "norm_per_word",
    "clipped",
    "kept",
    "clipped_per_word",
    "kept_per_word",
)


def main(_: list[str]) -> None:
    """Measures and prints."""
    with console.plain_errors():
        from semreg_tf.training.clipping_by_length import measure_clipping

        results = measure_clipping(_WORKDIR.value, _DATA_DIR.value, _BATCHES.value, _BUCKETS.value)
        if _OUT.value is not None:
            write_json(_OUT.value, results)
    print(
        f"{results['experiment']}, {results['stage']} stage: {results['num_batches']} training "
        f"batches, clip_norm {results['clip_norm']:g}"
    )
    rows = [[f"{bucket[name]:.3g}" for name in _COLUMNS] for bucket in results["buckets"]]
    print(console.table([name.replace("_", " ") for name in _COLUMNS], rows))


if __name__ == "__main__":
    program.run(main, stopped="Stopped; nothing was measured to the end, nothing is kept.")
