"""Prints a study's records as Markdown tables, and draws its learning curves.

  python -m eval.study_tables --study=demo --results=results --out=results/demo/tables.md
  python -m eval.study_tables --study=demo --into=RESULTS.md

The records are written by `python -m train.run_study`; those of other settings than the others' are
rows of their own. With --out, the tables are written to that file and the curves beside it: those
of learning, and scores against the number of training pictures where a study varies it. With
--into, the table of scores replaces the text between the lines `<!-- scores: demo, tags -->` (or
captions) and `<!-- end -->` of a document.
"""

from pathlib import Path

from absl import flags

from cli import program
from eval.read_study import ordered_records
from semreg_tf import console
from semreg_tf.experiments import studies
from semreg_tf.reporting import size_curves, study_curves, study_tables

_STUDY = flags.DEFINE_string("study", None, "Name of the study.", required=True)
_ENCODER = flags.DEFINE_string(
    "encoder", None, "The CNN, if the study was run with another one than the default."
)
_RESULTS = flags.DEFINE_string("results", "results", "Folder of the records.")
_OUT = flags.DEFINE_string("out", None, "Markdown file to write. [print the tables]")
_INTO = flags.DEFINE_string("into", None, "Document whose tables of scores are replaced.")


def main(_: list[str]) -> None:
    """Reads the records and writes the tables."""
    with console.plain_errors():
        study = studies.get(_STUDY.value, _ENCODER.value)
        records = ordered_records(study, Path(_RESULTS.value))
        if _INTO.value is not None:
            into = Path(_INTO.value)
            text = into.read_text(encoding="utf-8")
            into.write_text(study_tables.with_scores(text, study.name, records), encoding="utf-8")
            print(f"Written: {into}")
        if _INTO.value is not None and _OUT.value is None:
            return
        text = f"## Study {study.name}\n\n{study.budget}\n\n{study_tables.study_markdown(records)}"
        if _OUT.value is None:
            print(text)
            return
        out = Path(_OUT.value)
        out.write_text(text, encoding="utf-8")
        curves = study_curves.write_curves(records, out.parent)
        curves += size_curves.write_size_curves(records, out.parent)
        print(f"Written: {', '.join(str(p) for p in (out, *curves))}")


if __name__ == "__main__":
    program.run(main)
