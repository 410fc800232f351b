"""Prints or writes the papers' tables with the scores of runs and the differences.

  python -m eval.compare_with_paper --workdir=runs/joint --table="Table 4"
  python -m eval.compare_with_paper --workdir=runs/joint --out=tables.html

Without --workdir it shows the papers' figures only. A difference is shown only for a run that was
evaluated on the table's data set.
"""

from absl import flags

from cli import program
from semreg_tf import console

_WORKDIRS = flags.DEFINE_multi_string(
    "workdir", [], "Work directory of an evaluated run; repeatable."
)
_TABLES = flags.DEFINE_multi_string(
    "table", [], "Table to print, such as 'Table 4'; repeatable. [all tables]"
)
_OUT = flags.DEFINE_string(
    "out", None, "File to write, as HTML if it ends in .html. [print as Markdown]"
)


def main(_: list[str]) -> None:
    """Prints or writes the comparison."""
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
