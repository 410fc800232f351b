"""Scores a run by the metrics of its task: tags (Sec. 4.2) or captions (Sec. 5.1).

  python -m eval.evaluate --workdir=runs/joint --data_dir=data

--workdir=RUN --help lists the flags of that run's task, which are those of evaluate_tags or
evaluate_captions.
"""

import runpy
import sys
from pathlib import Path

from cli import program, shared_flags
from cli.help_flags import values_on
from semreg_tf import config_io
from semreg_tf.console import plain_errors


def task_of(workdir: str) -> str:
    """Returns a run's task.

    Raises:
      ValueError: the folder is not a work directory.
    """
    path = Path(workdir) / "config.json"
    if not path.is_file():
        raise ValueError(
            "`workdir` must be the folder of a run, with a config.json. "
            f"Received: workdir={workdir!r}"
        )
    return config_io.load(str(path)).data.task


def main() -> None:
    """Runs the evaluation of the run's task; without --workdir, only prints help or an error."""
    workdirs = values_on(sys.argv, "workdir")
    if not workdirs:
        shared_flags.define_workdirs()
        shared_flags.define_data_dir()
        program.run(lambda _: None)
    with plain_errors():
        task = task_of(workdirs[0])
    runpy.run_module(f"eval.evaluate_{task}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
