"""From a folder of pictures to models that answer: prepare, train, score, export.

Each step is resumed or, where it was done before, passed over, so the same command goes on after a
stop.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semreg_tf import config_io, console, experiments, stopping
from semreg_tf.config import Config
from semreg_tf.donor_config import with_model_of
from semreg_tf.files.json_files import read_json_object

TASKS = ("tags", "captions")
# Fewer training captions teach every word, however rare (ours).
FEW_CAPTIONS = 500
# What a picture must have for a task, as `dataset_counts.json` counts it.
_COUNTED = {"tags": "images_with_labels", "captions": "captions"}
_COUNTS = Path("custom") / "1.0.0" / "dataset_counts.json"


@dataclasses.dataclass(frozen=True)
class PicturesRun:
    """What `--pictures` asks for.

    Attributes:
      pictures: the folder of the pictures.
      workdir: where everything goes.
      preparation: flags of `data_prep.prepare_custom` beside the folders.
      imports: modules that children import too.
      preset: "fast" or "thorough".
      overrides: fields of the experiments that differ.
      seed: of training, or None.
      init_from: another model's folder, or None.
    """

    pictures: str
    workdir: Path
    preparation: Sequence[str]
    imports: Sequence[str]
    preset: str
    overrides: Sequence[str]
    seed: int | None
    init_from: str | None

    @property
    def data_dir(self) -> Path:
        """Where the prepared data go."""
        return self.workdir / "data"

    def config(self, task: str) -> Config:
        """Returns the experiment of a task."""
        config = experiments.get(f"custom_{task}/s_cnn_rnn")
        if self.init_from is not None:
            config = with_model_of(config, self.init_from)
        config = config_io.apply_overrides(config, self.overrides)
        seed = config.seed if self.seed is None else self.seed
        return dataclasses.replace(config, preset=self.preset, seed=seed)


def default_workdir(pictures: str) -> Path:
    """Returns `runs/<name of the folder>`."""
    return Path("runs") / (Path(pictures).resolve().name or "pictures")


def run(asked: PicturesRun) -> None:
    """Does every step and says what can be done with the models.

    Raises:
      ValueError: the pictures, their annotations or a flag are refused.
      SystemExit: the preparation ended with an error, which it has printed.
    """
    started = time.monotonic()
    _say(f"Step 1: preparing {asked.pictures} into {asked.data_dir}")
    _prepare(asked)
    counts = read_json_object(asked.data_dir / _COUNTS, "data_dir")["splits"]
    tasks = [task for task in TASKS if counts["train"][_COUNTED[task]]]
    if not tasks:
        raise ValueError(
            "`pictures` must have labels or captions to learn: user tags alone are side "
            f"information. Received: pictures={asked.pictures!r}"
        )
    # TensorFlow takes seconds to import.
    from semreg_tf.api.evaluating import evaluate
    from semreg_tf.api.training import train
    from semreg_tf.export_run import export_run
    from semreg_tf.reporting.result_tables import caption_table, tag_table

    tables = {"tags": tag_table, "captions": caption_table}
    exports, number = {}, 1
    for task in tasks:
        config, folder = _validated(asked.config(task), counts), asked.workdir / task
        config = _with_rare_words(config, counts, asked)
        number += 1
        stages = ", ".join(config.stages)
        _say(f"Step {number} of {1 + 3 * len(tasks)}: training for {task} ({stages})")
        train(config, asked.data_dir, folder, init_from=asked.init_from)
        last = folder / config.stages[-1]
        number += 1
        judged = _judged_split(config, counts, task)
        _say(f"Step {number} of {1 + 3 * len(tasks)}: scoring on {judged or 'nothing'}")
        if judged is not None:
            print(console.table(*tables[task](evaluate(last, asked.data_dir, judged))))
        number += 1
        exports[task] = asked.workdir / f"{task}_model"
        _say(f"Step {number} of {1 + 3 * len(tasks)}: writing {exports[task]}")
        export_run(last, exports[task], weights_dtype="float16")
    minutes = (time.monotonic() - started) / 60
    print(_what_next(asked, exports, minutes))


def _prepare(asked: PicturesRun) -> None:
    status = stopping.run_child(
        [
            *(sys.executable, "-m", "semreg_tf.cli.semreg", "prepare", "--dataset=custom"),
            *(f"--raw_dir={asked.pictures}", f"--data_dir={asked.data_dir}"),
            *asked.preparation,
            *(f"--import={name}" for name in asked.imports),
        ]
    )
    if status:
        # The preparation has printed why.
        raise SystemExit(status)


def _validated(config: Config, counts: dict[str, Any]) -> Config:
    """Returns the config, which chooses on the training pictures where there are no others."""
    if config.data.validation_split in counts:
        return config
    data = dataclasses.replace(config.data, validation_split=config.data.train_split)
    return dataclasses.replace(config, data=data)


def _with_rare_words(config: Config, counts: dict[str, Any], asked: PicturesRun) -> Config:
    """Returns the config, whose captioner writes every word where there are few captions.

    With the usual `min_word_count` of 4 a few captions leave a dozen words, and <unk> for the rest.
    """
    given = any(field.startswith("data.min_word_count") for field in asked.overrides)
    few = counts[config.data.train_split]["captions"] < FEW_CAPTIONS
    if config.data.task != "captions" or not few or given or asked.init_from is not None:
        return config
    return dataclasses.replace(config, data=dataclasses.replace(config.data, min_word_count=1))


def _judged_split(config: Config, counts: dict[str, Any], task: str) -> str | None:
    """Returns the test split where it has what the task needs, otherwise None."""
    split = config.data.test_split
    return split if counts.get(split, {}).get(_COUNTED[task]) else None


def _what_next(asked: PicturesRun, exports: dict[str, Path], minutes: float) -> str:
    runs = " ".join(f"--workdir={asked.workdir / task / 'joint'}" for task in exports)
    lines = [f"\nDone in {minutes:.0f} minutes. Now:"]
    for task, path in exports.items():
        lines.append(f"  semreg annotate --model={path} photo.jpg {asked.pictures}    # {task}")
    if len(exports) > 1:
        lines.append(f"  semreg export {runs} --out={asked.workdir / 'both_model'}    # one model")
    models = " ".join(f"--model={path}" for path in exports.values())
    lines += [
        f"  semreg serve {models}    # a page on http://127.0.0.1:8501/",
        f"  semreg report {runs} --out={asked.workdir / 'report.html'}",
        "From a checkout `python -m semreg_tf.cli.semreg` stands for `semreg`.",
    ]
    return "\n".join(lines)


def _say(text: str) -> None:
    print(f"== {text}", flush=True)
