"""Writes a run's best checkpoint as a SavedModel that takes picture bytes and gives strings.

python -m eval.export_model --workdir=runs/joint --out=runs/export
python -m eval.export_model --workdir=runs/joint --out=runs/half --weights_dtype=float16 \
  --compare_on=validation --data_dir=data
python -m eval.export_model --workdir=runs/captions/joint --workdir=runs/tags/joint --out=runs/both
python -m eval.export_model --workdir=runs/joint --format=litert --weights_dtype=int8 \
  --out=runs/phone --npm_modules=node_modules
"""

import functools
from pathlib import Path
from typing import Any

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.files.export_info import LITERT, read_info

WEIGHTS_DTYPES = ("float32", "bfloat16", "float16", "int8")

_WORKDIRS = flags.DEFINE_multi_string(
    "workdir",
    None,
    "Work directory of the run; given twice, for a run on captions and a run on tags, one export "
    "answers both, as it does for a run on captions and labels.",
    required=True,
)
_OUT = flags.DEFINE_string("out", None, "Folder to write.", required=True)
_RESULTS = flags.DEFINE_integer(
    "num_results", None, "Sequences in an answer; the beam width if not given."
)
_DTYPE = flags.DEFINE_enum(
    "weights_dtype",
    "float32",
    WEIGHTS_DTYPES,
    "Type of the weights on disk: bfloat16 and float16 halve the size of float32; int8 makes a "
    "SavedModel a third to a half as large, and a LiteRT file less than a third.",
)
_FORMAT = flags.DEFINE_enum(
    "format",
    "savedmodel",
    ["savedmodel", LITERT],
    "What is written: a SavedModel, or a LiteRT file for phones and browsers. For the latter "
    "--workdir may be the folder of a SavedModel too.",
)
_MODULES = flags.DEFINE_string(
    "npm_modules",
    None,
    "With --format=litert: npm's folder node_modules with LiteRT for the web (npm install "
    "@litertjs/core). A page that annotates in the browser is then written beside the model.",
)
_COMPARE = flags.DEFINE_string(
    "compare_on", None, "Split on which the export is scored beside the run, for its MODEL.md."
)
_OVERRIDES = shared_flags.define_overrides(
    "Changes the decoding; of two models, fields of the tag model begin with labels."
)
_DATA = shared_flags.define_data_dir(
    required=False, text="Folder of prepared data sets, for --compare_on."
)


def main(_: list[str]) -> None:
    """Loads, exports and compares."""
    with console.plain_errors():
        options = _options()
        shared_flags.check_overrides_of_parts(_WORKDIRS.value, _OVERRIDES.value)
        from semreg_tf.export_run import export_run

        path, comparison = export_run(_WORKDIRS.value, _OUT.value, **options)
        if len(_WORKDIRS.value) > 1:
            print(_encoders(path))
    if comparison is not None:
        rows = [
            [name, f"{run:.4f}", f"{export:.4f}", f"{export - run:+.4f}"]
            for name, (run, export) in comparison.scores.items()
        ]
        print(console.table([comparison.split, "run", "export", "difference"], rows))
        print(f"The best text is the same for {comparison.same_text:.1%} of the images.")
    _tell(path)
    if _MODULES.value is not None:
        print(f"The page: python -m http.server --directory={path}")


def _options() -> dict[str, Any]:
    """Returns the fields of `ExportOptions`, checked before TensorFlow is imported."""
    from semreg_tf.exporting.export_options import ExportOptions

    options = {
        "num_results": _RESULTS.value,
        "weights_dtype": _DTYPE.value,
        "format": _FORMAT.value,
        "compare_on": _COMPARE.value,
        "data_dir": _DATA.value,
        "overrides": _OVERRIDES.value,
    }
    ExportOptions(**options).check_number(len(_WORKDIRS.value))
    modules = _MODULES.value
    if modules is None:
        return options
    if _FORMAT.value != LITERT:
        raise ValueError(
            f"`npm_modules` has a use with format=litert alone. Received: npm_modules={modules!r}"
        )
    from semreg_tf.serving.static_page import check_runtime, write_static_page

    check_runtime(modules)
    page = functools.partial(write_static_page, npm_modules=modules)
    return {**options, "also": page}


def _tell(path: Path) -> None:
    size = sum(p.stat().st_size for p in Path(path).rglob("*") if p.is_file())
    print(f"Exported to {path}: {size / 1e6:.1f} MB, weights in {_DTYPE.value}; see MODEL.md there")


def _encoders(path: Path) -> str:
    if read_info(path)["encoders"] == 1:
        return "The CNN's weights are the same in both runs: it is stored and run once."
    return "The CNN's weights differ between the runs: both CNNs are stored and run."


if __name__ == "__main__":
    program.run(main, stopped="Stopped; no export was written.")
