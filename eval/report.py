"""Writes one HTML page on one or several runs: scores, pictures with annotations, curves.

  python -m eval.report --workdir=runs/joint --workdir=runs/unary --out=report.html

The page is one file that loads nothing else. Work directories without results (not evaluated yet)
only add training curves; the first run of each split is the main one.
"""

from absl import flags

from cli import program
from semreg_tf import console

_WORKDIRS = flags.DEFINE_multi_string(
    "workdir", None, "Work directory of a run; repeatable.", required=True
)
_OUT = flags.DEFINE_string("out", "report.html", "HTML file to write.")
_PICTURES = flags.DEFINE_integer(
    "num_pictures",
    24,
    "Pictures of each split to include, besides the best and the worst; ten are shown at first, "
    "the others after a click.",
    0,
)


def main(_: list[str]) -> None:
    """Writes the page and prints its path."""
    with console.plain_errors():
        from semreg_tf.report import write_report

        path = write_report(_WORKDIRS.value, _OUT.value, _PICTURES.value)
    print(f"Report written to {path}")


if __name__ == "__main__":
    program.run(main, stopped="Stopped; no report was written.")
