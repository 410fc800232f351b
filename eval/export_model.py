"""Writes a run's best checkpoint as a SavedModel that takes picture bytes and gives strings.

python -m eval.export_model --workdir=runs/joint --out=runs/export
"""

from absl import app, flags

from semreg_tf import console
from semreg_tf.export import export
from semreg_tf.training.workdir import load_annotator

_WORKDIR = flags.DEFINE_string("workdir", None, "Work directory of the run.", required=True)
_OUT = flags.DEFINE_string("out", None, "Folder to write.", required=True)
_RESULTS = flags.DEFINE_integer("num_results", None, "Sequences in an answer; beam width if none.")


def main(_: list[str]) -> None:
    """Loads and exports."""
    with console.plain_errors():
        config, vocabularies, annotator = load_annotator(_WORKDIR.value)
        path = export(config, vocabularies, annotator, _OUT.value, _RESULTS.value)
    print(f"Exported to {path}")


if __name__ == "__main__":
    app.run(main)
