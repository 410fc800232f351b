"""Prints or writes the papers' tables, runs beside them, and the difference.

  python -m eval.compare_with_paper --workdir=runs/joint --table="Table 4"
  python -m eval.compare_with_paper --workdir=runs/joint --out=tables.html

Without --workdir the printed figures stand alone. A difference is taken only where the run was
evaluated on the table's own data set.
"""

from absl import flags

from semreg_tf import console
from semreg_tf.cli import program

_WORKDIRS = flags.DEFINE_multi_string(
    "workdir", [], "Work directory of an evaluated run; may be given several times."
)
_TABLES = flags.DEFINE_multi_string(
    "table", [], "Table to print, such as 'Table 4'; may be given several times; all if not given."
)
_OUT = flags.DEFINE_string(
    "out", None, "File to write, as HTML if it ends in .html; printed if not given."
)


def main(_: list[str]) -> None:
    """Compares, then prints or writes."""
    form = "html" if (_OUT.value or "").endswith((".html", ".htm")) else "markdown"
    with console.plain_errors():
        from semreg_tf.report import paper_comparison, write_text

        text = paper_comparison(_WORKDIRS.value, _TABLES.value or None, form)
        if _OUT.value:
            print(f"Tables written to {write_text(text, _OUT.value)}")
        else:
            print(text, end="")


if __name__ == "__main__":
    program.run(main)
