"""Run as a program: asks every binary for help, and of a flag it does not have; prints JSON.

Each binary runs in a fork of this process, so that all of them cost one start of Python.
"""

import contextlib
import importlib.util
import io
import json
import os
import runpy
import sys

SLOW = ("tensorflow", "keras", "tensorflow_datasets")


def ask(module, flag):
    """Returns what `python -m module flag` does, what it imported, and its own flags."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        with open(writer, "w") as out:
            json.dump(_run(module, flag), out)
        os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        found = json.load(answer)
    os.wait()
    return found


def _run(module, flag):
    from absl import flags

    sys.argv = [module, flag]
    out, err, status = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as error:
            status = error.code
    own = flags.FLAGS.get_key_flags_for_module(importlib.util.find_spec(module).origin)
    return {
        "status": status,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "slow": [name for name in SLOW if name in sys.modules],
        "flags": {flag.name: flag.help for flag in own},
        "repeatable": [flag.name for flag in own if isinstance(flag, flags.MultiFlag)],
    }


if __name__ == "__main__":
    # What most of them import, once for all the forks.

    modules = sys.argv[1:]
    print(json.dumps({m: [ask(m, "--help"), ask(m, "--no_such_flag")] for m in modules}))
