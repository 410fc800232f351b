"""Writes a run's best checkpoint as a SavedModel that takes picture bytes and gives strings.

python -m eval.export_model --workdir=runs/joint --out=runs/export
python -m eval.export_model --workdir=runs/joint --out=runs/half --weights_dtype=float16 \
  --compare_on=validation --data_dir=data
python -m eval.export_model --workdir=runs/captions/joint --workdir=runs/tags/joint --out=runs/both
python -m eval.export_model --workdir=runs/joint --format=litert --weights_dtype=int8 \
  --out=runs/phone --npm_modules=node_modules
"""

from pathlib import Path
from typing import Any

from absl import flags

from semreg_tf import console
from semreg_tf.cli import program, shared_flags

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
    ["savedmodel", "litert"],
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
_OVERRIDES = shared_flags.define_overrides("Changes the decoding")
_DATA = shared_flags.define_data_dir(
    required=False, text="Folder of prepared data sets, for --compare_on."
)


def main(_: list[str]) -> None:
    """Loads, exports and compares."""
    with console.plain_errors():
        _check_flags()
        if _FORMAT.value == "litert":
            return _export_litert()
        shared_flags.check_overrides(_WORKDIRS.value, _OVERRIDES.value)
        from semreg_tf.export_run import export_run, export_runs

        options = {"weights_dtype": _DTYPE.value, "overrides": _OVERRIDES.value}
        comparison = None
        if len(_WORKDIRS.value) > 1:
            if _COMPARE.value is not None:
                raise ValueError(
                    "`compare_on` may be given with one `workdir`: compare each run's own export. "
                    f"Received: compare_on={_COMPARE.value!r}, {len(_WORKDIRS.value)} folders"
                )
            path = export_runs(_WORKDIRS.value, _OUT.value, _RESULTS.value, **options)
            print(_encoders(path))
        else:
            path, comparison = export_run(
                _WORKDIRS.value[0],
                _OUT.value,
                _RESULTS.value,
                compare_on=_COMPARE.value,
                data_dir=_DATA.value,
                **options,
            )
    if comparison is not None:
        rows = [
            [name, f"{run:.4f}", f"{export:.4f}", f"{export - run:+.4f}"]
            for name, (run, export) in comparison.scores.items()
        ]
        print(console.table([comparison.split, "run", "export", "difference"], rows))
        print(f"The best text is the same for {comparison.same_text:.1%} of the images.")
    _tell(path)


def _check_flags() -> None:
    """Refuses flags that do not go together, before TensorFlow is imported."""
    litert = _FORMAT.value == "litert"
    if _MODULES.value is not None and not litert:
        raise ValueError(
            "`npm_modules` has a use with format=litert alone. "
            f"Received: npm_modules={_MODULES.value!r}"
        )
    if litert and (len(_WORKDIRS.value) > 1 or _COMPARE.value is not None):
        raise ValueError(
            "`format` litert takes one `workdir`, and no `compare_on`: write one file a model. "
            f"Received: {len(_WORKDIRS.value)} folders, compare_on={_COMPARE.value!r}"
        )


def _export_litert() -> None:
    from semreg_tf.export_run import export_run_litert
    from semreg_tf.serving.static_page import check_runtime, write_static_page

    modules = _MODULES.value
    if modules is not None:
        check_runtime(modules)

    def page(folder: Path, description: dict[str, Any]) -> None:
        if modules is not None:
            write_static_page(folder, description, modules)

    path = export_run_litert(
        _WORKDIRS.value[0],
        _OUT.value,
        _RESULTS.value,
        weights_dtype=_DTYPE.value,
        overrides=_OVERRIDES.value,
        also=page,
    )
    _tell(path)
    if modules is not None:
        print(f"The page: python -m http.server --directory={path}")


def _tell(path: Path) -> None:
    size = sum(p.stat().st_size for p in Path(path).rglob("*") if p.is_file())
    print(f"Exported to {path}: {size / 1e6:.1f} MB, weights in {_DTYPE.value}; see MODEL.md there")


def _encoders(path: Path) -> str:
    from semreg_tf.files.export_info import read_info

    if read_info(path)["encoders"] == 1:
        return "The CNN's weights are the same in both runs: it is stored and run once."
    return "The CNN's weights differ between the runs: both CNNs are stored and run."


if __name__ == "__main__":
    program.run(main, stopped="Stopped; no export was written.")
