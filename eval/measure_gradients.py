"""Prints the gradients of Lu and Lr in the CNN and the concept head in the joint stage (eq. 4).

  python -m eval.measure_gradients --workdir=runs/joint --data_dir=data

Computes the norms of both gradients and the cosine between them on training batches at the run's
best checkpoint. If the decoder reads only the concepts, the gradient of Lr reaches the CNN through
s_hat; it is zero in `*_detached` experiments. A run with one joint step at rate zero shows the
gradients at the start of the stage.
"""

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.files.whole_file import write_json
from semreg_tf.reporting import result_tables

_WORKDIR = flags.DEFINE_string("workdir", None, "Work directory of a joint stage.", required=True)
_DATA_DIR = shared_flags.define_data_dir()
_BATCHES = flags.DEFINE_integer("num_batches", 20, "Training batches to average over.")
_OUT = flags.DEFINE_string("out", None, "JSON file for the figures; they are also printed.")


def main(_: list[str]) -> None:
    """Measures and prints."""
    with console.plain_errors():
        from semreg_tf.training.gradient_flow import measure_gradients

        results = measure_gradients(_WORKDIR.value, _DATA_DIR.value, _BATCHES.value)
        if _OUT.value is not None:
            write_json(_OUT.value, results)
    print(
        f"{results['experiment']}: means of {results['num_batches']} training batches of "
        f"{results['batch_size']}"
    )
    print(console.table(*result_tables.gradient_table(results)))


if __name__ == "__main__":
    program.run(main, stopped="Stopped; no figures were saved.")
