"""The run of `--pictures`: preparation of a folder of pictures, training, scoring and export.

Finished steps are skipped and the interrupted one is resumed, so the same command continues after a
stop.
"""

import dataclasses
import itertools
import shlex
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
# A captioner on fewer training captions than this learns all words, however rare (our choice).
FEW_CAPTIONS = 500
# The entry of `dataset_counts.json` with the number of training targets of a task.
_COUNT_NAMES = {"tags": "images_with_labels", "captions": "captions"}
_COUNTS = Path("custom") / "1.0.0" / "dataset_counts.json"


@dataclasses.dataclass(frozen=True)
class PicturesRun:
    """Settings of a run of `--pictures`.

    Attributes:
      pictures: the folder of the pictures.
      workdir: the folder of the prepared data, the runs and the exports.
      preparation: further flags of `data_prep.prepare_custom`.
      imports: modules that child processes import first.
      preset: "fast" or "thorough".
      overrides: changed fields of the experiments, such as "joint.steps=7".
      seed: random seed of training; None: the experiment's.
      init_from: folder of the model to start from, or None.
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
        """The folder of the prepared data."""
        return self.workdir / "data"

    def config(self, task: str) -> Config:
        """Returns the config of a task, "tags" or "captions"."""
        config = experiments.get(f"custom_{task}/s_cnn_rnn")
        if self.init_from is not None:
            config = with_model_of(config, self.init_from)
        config = config_io.apply_overrides(config, self.overrides)
        seed = config.seed if self.seed is None else self.seed
        return dataclasses.replace(config, preset=self.preset, seed=seed)


def default_workdir(pictures: str) -> Path:
    """Returns `runs/<name of the folder>`."""
    return Path("runs") / (Path(pictures).resolve().name or "pictures")


def run(settings: PicturesRun) -> None:
    """Runs all steps and prints the commands that use the models.

    Raises:
      ValueError: the pictures, their annotations or a flag are refused.
      SystemExit: the preparation failed; it has printed the reason.
    """
    started = time.monotonic()
    if not Path(settings.pictures).is_dir():
        raise ValueError(
            "`pictures` must be the folder of the pictures: there is none. "
            f"Received: pictures={settings.pictures!r}"
        )
    _say(f"Step 1: preparing {settings.pictures} into {settings.data_dir}")
    _prepare(settings)
    counts = read_json_object(settings.data_dir / _COUNTS, "data_dir")["splits"]
    tasks = [task for task in TASKS if counts["train"][_COUNT_NAMES[task]]]
    if not tasks:
        raise ValueError(
            "`pictures` must have labels or captions to learn: user tags alone cannot be "
            f"learnt. Received: pictures={settings.pictures!r}"
        )
    # TensorFlow takes seconds to import.
    from semreg_tf.api.evaluating import evaluate
    from semreg_tf.api.training import train
    from semreg_tf.export_run import export_run
    from semreg_tf.reporting.result_tables import caption_table, tag_table

    tables = {"tags": tag_table, "captions": caption_table}
    exports: dict[str, Path] = {}
    of_tags: tuple[str, ...] = ()
    numbers, last_number = itertools.count(2), 1 + 3 * len(tasks)

    def say(text: str) -> None:
        _say(f"Step {next(numbers)} of {last_number}: {text}")

    for task in tasks:
        config = _with_validation_split(settings.config(task), counts)
        config, folder = _with_rare_words(config, counts, settings), settings.workdir / task
        say(f"training for {task} ({', '.join(config.stages)})")
        train(config, settings.data_dir, folder, init_from=settings.init_from)
        last = folder / config.stages[-1]
        test_split = _test_split(config, counts, task)
        say(f"scoring on {test_split or 'nothing'}")
        results = {} if test_split is None else evaluate(last, settings.data_dir, test_split)
        if results:
            print(console.table(*tables[task](results)))
        exports[task] = settings.workdir / f"{task}_model"
        labels = _labels_of_export(config, results, settings)
        of_tags += labels
        threshold = results.get("combine_threshold")
        listing = f", with the labels of CNN and decoder cut at {threshold:.2f}" if labels else ""
        say(f"writing {exports[task]}{listing}")
        export_run(last, exports[task], weights_dtype="float16", overrides=labels)
    minutes = (time.monotonic() - started) / 60
    print(_what_next(settings, exports, of_tags, minutes))


def _prepare(settings: PicturesRun) -> None:
    command = [
        *(sys.executable, "-m", "semreg_tf", "prepare", "--dataset=custom"),
        *(f"--raw_dir={settings.pictures}", f"--data_dir={settings.data_dir}"),
        *settings.preparation,
        *(f"--import={name}" for name in settings.imports),
    ]
    try:
        status = stopping.run_child(command)
    except stopping.Stopped as error:
        status = error.exit_status
    if status:
        # The preparation has printed the reason, or that it was stopped.
        raise SystemExit(status)


def _with_validation_split(config: Config, counts: dict[str, Any]) -> Config:
    """Returns the config; it validates on the training split if no other has its targets."""
    validation, name = counts.get(config.data.validation_split, {}), _COUNT_NAMES[config.data.task]
    if validation.get(name):
        return config
    data = dataclasses.replace(config.data, validation_split=config.data.train_split)
    return dataclasses.replace(config, data=data)


def _with_rare_words(config: Config, counts: dict[str, Any], settings: PicturesRun) -> Config:
    """Returns the config; with few training captions, the captioner's vocabulary has all words.

    With the usual `min_word_count` of 4, a few captions would leave a dozen words, and <unk> for
    all others.
    """
    is_set = any(field.startswith("data.min_word_count") for field in settings.overrides)
    few = counts[config.data.train_split]["captions"] < FEW_CAPTIONS
    if config.data.task != "captions" or not few or is_set or settings.init_from is not None:
        return config
    return dataclasses.replace(config, data=dataclasses.replace(config.data, min_word_count=1))


def _labels_of_export(
    config: Config, results: dict[str, Any], settings: PicturesRun
) -> tuple[str, ...]:
    """Returns overrides by which a tagger's export lists labels by CNN and decoder combined.

    On few pictures the decoder's own lists are too short (RESULTS.md, "500 pictures of one's own").
    The threshold is that of the validation split; without one of its own, the export keeps the
    decoder's lists, as it keeps a decoding that was asked for.
    """
    threshold = results.get("combine_threshold")
    is_set = any(field.startswith("decoding.method") for field in settings.overrides)
    if threshold is None or is_set or config.data.validation_split == config.data.train_split:
        return ()
    return ("decoding.method=combined", f"decoding.combine_threshold={threshold}")


def _test_split(config: Config, counts: dict[str, Any], task: str) -> str | None:
    """Returns the test split, or None if it has no captions or labels for the task."""
    split = config.data.test_split
    return split if counts.get(split, {}).get(_COUNT_NAMES[task]) else None


def _what_next(
    settings: PicturesRun, exports: dict[str, Path], of_tags: Sequence[str], minutes: float
) -> str:
    runs = shlex.join(f"--workdir={settings.workdir / task / 'joint'}" for task in exports)
    lines = [f"\nDone in {minutes:.0f} minutes. Now:"]
    for task, path in exports.items():
        annotate = shlex.join(["semreg", "annotate", f"--model={path}", str(settings.pictures)])
        lines.append(f"  {annotate}    # {task}")
    if len(exports) > 1:
        labels = "".join(f" --config.labels.{override}" for override in of_tags)
        one = (
            f"  semreg export {runs}{labels} {_out(settings, 'both_model')}    # one model of both"
        )
        lines.append(one)
    models = shlex.join(f"--model={path}" for path in exports.values())
    lines += [
        f"  semreg serve {models}    # a page on http://127.0.0.1:8501/",
        f"  semreg report {runs} {_out(settings, 'report.html')}",
        "The environment has `semreg`: activate it, or write `python -m semreg_tf` in its place.",
    ]
    return "\n".join(lines)


def _out(settings: PicturesRun, name: str) -> str:
    return shlex.quote(f"--out={settings.workdir / name}")


def _say(text: str) -> None:
    print(f"== {text}", flush=True)
