"""Prints how often the gradients of training batches are clipped, by caption length.

  python -m eval.measure_clipping --workdir=runs/relational --data_dir=data

Batches of the relational stage have captions of similar length, and the loss is a sum over words,
so that the gradient grows with the length but `clip_norm` does not. The gradients are computed on
training batches at the run's best checkpoint; the last two columns are for a threshold on the
gradient divided by the mean length (`clip_scale=word`).
"""

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.files.whole_file import write_json

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Work directory of a relational or joint stage.", required=True
)
_DATA_DIR = shared_flags.define_data_dir()
_BATCHES = flags.DEFINE_integer("num_batches", 200, "Training batches to compute gradients of.")
_BUCKETS = flags.DEFINE_integer(
    "num_buckets", 5, "Number of buckets of caption length, with equally many batches."
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
    program.run(main, stopped="Stopped; no figures were saved.")
