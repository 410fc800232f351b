"""Prints a study's records as Markdown tables, and draws its learning curves.

  python -m eval.study_tables --study=demo --results=results --out=results/demo/tables.md

The records are what `python -m train.run_study` left. With --out, the tables go to that file and
the curves beside it, curves.svg.
"""

from pathlib import Path

from absl import app, flags

from eval.study_steps import note_cached_steps
from semreg_tf import console
from semreg_tf.experiments import studies
from semreg_tf.reporting import study_curves, study_tables
from semreg_tf.training import study_records

_STUDY = flags.DEFINE_string("study", None, "Name of the study.", required=True)
_RESULTS = flags.DEFINE_string("results", "results", "Folder of the records.")
_OUT = flags.DEFINE_string("out", None, "The file to write; if not given, the tables are printed.")


def main(_: list[str]) -> None:
    """Reads the records in the study's order of work and writes the tables."""
    with console.plain_errors():
        study = studies.get(_STUDY.value)
        records = study_records.read_all(Path(_RESULTS.value) / study.name)
        order = {(job.system.name, job.seed): i for i, job in enumerate(study.jobs)}
        records.sort(key=lambda r: order.get((r["system"], r["seed"]), len(order)))
        systems = list(dict.fromkeys(r["system"] for r in records))
        records.sort(key=lambda r: systems.index(r["system"]))
        note_cached_steps(records)
        text = f"## Study {study.name}\n\n{study.budget}\n\n{study_tables.study_markdown(records)}"
        if _OUT.value is None:
            print(text)
            return
        out = Path(_OUT.value)
        out.write_text(text, encoding="utf-8")
        curves = study_curves.write_curves(records, out.parent)
        print(f"Written: {', '.join(str(p) for p in (out, *curves))}")


if __name__ == "__main__":
    app.run(main)
