"""The work directory of a run: config, vocabularies, checkpoints, logs, results."""

import copy
import dataclasses
import functools
import logging
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf import config_io
from semreg_tf._version import __version__
from semreg_tf.config import Config
from semreg_tf.data.dataset_digests import changed_contents
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.files import digests
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.json_files import read_json_object
from semreg_tf.files.result_origin import DATASET_DIGESTS
from semreg_tf.files.whole_file import write_json
from semreg_tf.label_task import label_config
from semreg_tf.models.annotator import Annotator
from semreg_tf.training import checkpoints
from semreg_tf.training.identity import CONFIG_FILE, check_dataset, check_run
from semreg_tf.training.phases import Stage, find_stage
from semreg_tf.training.precision import dtype_policy_scope

logger = logging.getLogger(__name__)
CHANGES = "+changes"
# The field of config.json with the digest of additional captions without images.
EXTRA_CAPTIONS = "extra_captions_sha256"
_CODE = ("semreg_tf", "cli", "train", "data_prep", "eval")
# Config fields, and fields or sections of any section, that may differ when a run is resumed.
_FREE_NAMES = ("name", "table_row")
_FREE_FIELDS = (
    "steps",
    "validate_every_steps",
    "patience",
    "checkpoint_every_steps",
    "validation_images",
    "decoding",
    "reranking",
    "jit_compile",
    "deterministic",
    "extra_captions",
    "concept_list",
)


def training_lock(path: str | Path) -> FileLock:
    """Returns a lock on a work directory, which one trainer may hold.

    Raises:
      ValueError: another process holds it.
    """
    return FileLock(Path(path) / ".lock", "workdir", path)


def open_workdir(
    path: str | Path,
    config: Config,
    vocabularies: Vocabularies,
    stage: str,
    extra_captions: str | None = None,
    dataset_digests: Mapping[str, str] | None = None,
) -> Path:
    """Creates a work directory, or checks that an existing one is of the same run.

    Fields that may differ when a run is resumed, such as those of the decoding, then have their new
    values in its config.json.

    Args:
      path: the folder.
      config: the experiment.
      vocabularies: the run's vocabularies, which are saved in the folder.
      stage: "unary", "relational" or "joint".
      extra_captions: digest of the file of additional captions, or None. The file may be moved, but
        its content must not change.
      dataset_digests: the `content_digests` of the data set, or None.

    Raises:
      ValueError: the folder holds another experiment, stage or vocabulary, a run on other content
        of the data set, or checkpoints without a config.
      OSError: it cannot be written.
    """
    folder = Path(path)
    if folder.is_file():
        raise ValueError(f"`workdir` must be a folder. Received: workdir={str(path)!r}")
    with training_lock(folder):
        if (folder / CONFIG_FILE).exists():
            # First, as changed annotations change vocabularies too.
            check_dataset(folder, read_about(folder), dataset_digests or {})
            _check_same_run(folder, config, vocabularies, stage)
            _check_extra_captions(folder, config, extra_captions)
            _write_changed_fields(folder, config)
            return folder
        if checkpoints.list_checkpoints(folder):
            raise ValueError(
                "`workdir` must be new or hold a whole run: it holds checkpoints and no "
                f"{CONFIG_FILE}, so nothing says which settings they are of. Put the file back or "
                f"give another folder. Received: workdir={str(path)!r}"
            )
        try:
            vocabularies.save(folder)
            read = {} if extra_captions is None else {EXTRA_CAPTIONS: extra_captions}
            read |= {DATASET_DIGESTS: dict(dataset_digests)} if dataset_digests else {}
            _write_config(folder, config, stage, vocabularies, read)
        except (OSError, tf.errors.OpError) as error:
            raise OSError(
                f"`workdir` must be a folder that can be written ({str(error).splitlines()[0]}). "
                f"Received: workdir={str(path)!r}"
            ) from error
    return folder


def _check_same_run(folder: Path, config: Config, vocabularies: Vocabularies, stage: str) -> None:
    about = read_about(folder)
    earlier = config_io.from_file_values(about, str(folder / CONFIG_FILE))
    changed = config_io.differing_fields(config, earlier)
    planned = find_stage(config, stage)
    changed = [name for name in changed if not _is_free(name, planned)]
    if planned.reads_true_concepts:
        # Not used by this stage, but set by earlier versions.
        changed = [name for name in changed if name != "encoder.weights"]
    if changed or about["stage"] != stage:
        difference = f"differs in {', '.join(changed)}" if changed else f"of {about['stage']}"
        raise ValueError(
            f"`workdir` must be new or hold this very run: it holds {earlier.name!r}, {difference}."
            f" Give another folder. Received: workdir={str(folder)!r}"
        )
    stored = Vocabularies.load(folder)
    difference = vocabularies.difference(stored)
    if difference:
        raise ValueError(
            f"`workdir` must be new or hold a run with this vocabulary: {difference}. "
            f"Received: workdir={str(folder)!r}"
        )
    check_run(folder, about, earlier, stored)


def _is_free(name: str, stage: Stage) -> bool:
    """Returns whether a config field may differ when a run of the stage is resumed."""
    if name == "decoding.max_steps" and any(p.loss.reward is not None for p in stage.phases):
        # The length of the captions that are sampled for rewards.
        return False
    return name in _FREE_NAMES or any(part in _FREE_FIELDS for part in name.split("."))


def _check_extra_captions(folder: Path, config: Config, digest: str | None) -> None:
    """Refuses additional captions that differ from those at the start of the run."""
    earlier = read_about(folder).get(EXTRA_CAPTIONS)
    if earlier != digest:
        raise ValueError(
            "`relational.extra_captions` must be as at the start of the run: its content was "
            "changed, or it was added or removed. Restore the file, or give another workdir. "
            f"Received: relational.extra_captions={config.relational.extra_captions!r}, "
            f"workdir={str(folder)!r}"
        )


def read_about(folder: str | Path) -> dict[str, Any]:
    """Returns the content of a config.json: config, stage, commit, versions, digests.

    Raises:
      ValueError: the folder is not a work directory, or the file is damaged.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.exists():
        raise ValueError(
            "`workdir` must be the folder of a run, with a config.json. "
            f"Received: workdir={str(folder)!r}"
        )
    about = read_json_object(path, "workdir", fields=("config", "stage"))
    if not digests.is_unchanged(about):
        _warn_edited(str(path), digests.json_digest(about))
    return about


def warn_of_other_content(path: str | Path, dataset: str, contents: Mapping[str, str]) -> list[str]:
    """Warns if a run was trained on other content of a data set of this name.

    Args:
      path: the work directory; an export, which stores no such digests, passes.
      dataset: the data set's name.
      contents: its `content_digests` of now.

    Returns:
      The warning, or an empty list.
    """
    about = read_about(path) if (Path(path) / CONFIG_FILE).exists() else {}
    changed = changed_contents(about.get(DATASET_DIGESTS) or {}, contents)
    if not changed or about["config"]["data"]["dataset"] != dataset:
        return []
    warning = (
        f"{path} was trained on other content of {dataset!r} ({', '.join(changed)} differ): its "
        "training pictures may be among those that are tested now"
    )
    logger.warning("%s", warning)
    return [warning]


@functools.cache
def _warn_edited(path: str, digest: str) -> None:
    """Warns once for each content of the file, which is read several times."""
    logger.warning("%s was edited or damaged after the run began", path)


def load_run(path: str | Path, task: str | None = None) -> tuple[Config, Vocabularies, str]:
    """Reads the config, vocabularies and stage of a work directory.

    Args:
      path: the work directory.
      task: "tags": for a run on captions and labels, those of the tag model; None: of the whole.

    Raises:
      ValueError: the folder is no work directory, a file is damaged, or names or config are not
        those that its weights were trained with.
    """
    folder = Path(path)
    about = read_about(folder)
    config = config_io.from_file_values(about, str(folder / CONFIG_FILE))
    vocabularies = Vocabularies.load(folder)
    check_run(folder, about, config, vocabularies)
    if task == "tags" and config.labels is not None:
        return label_config(config), vocabularies.of_labels(), about["stage"]
    return config, vocabularies, about["stage"]


def load_annotator(
    path: str | Path, task: str | None = None
) -> tuple[Config, Vocabularies, Annotator]:
    """Builds a run's models in float32 and restores its best checkpoint, or its last.

    The task is as for `load_run`; both parts of a run share their weights.

    Raises:
      ValueError: the folder is not a work directory, has no checkpoint, or a file is damaged.
    """
    config, vocabularies, _ = load_run(path)
    checkpoint = checkpoints.best_or_last(path)
    bare = dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, weights=None))
    with dtype_policy_scope("float32"):
        annotator = Annotator(bare, **annotator_sizes(vocabularies), load_first_weights=False)
    restore_offering_others(checkpoint, annotator.all_variables())
    logger.info("Encoder %s: weights of the checkpoint %s", config.encoder.name, checkpoint)
    if task == "tags" and config.labels is not None:
        return label_part(config, vocabularies, annotator)
    return config, vocabularies, annotator


def annotator_sizes(vocabularies: Vocabularies) -> dict[str, int | None]:
    """Returns the size arguments of an `Annotator` from vocabularies."""
    labels = vocabularies.labels
    return {
        "num_concepts": len(vocabularies.concepts),
        "vocab_size": vocabularies.output.size,
        "num_labels": None if labels is None else len(labels),
    }


def caption_part(
    config: Config, vocabularies: Vocabularies, annotator: Annotator
) -> tuple[Config, Vocabularies, Annotator]:
    """Returns the captioner of a model of captions and labels; weights are shared."""
    alone = copy.copy(annotator)
    alone.config, alone.labels = dataclasses.replace(config, labels=None), None
    return alone.config, dataclasses.replace(vocabularies, labels=None), alone


def label_part(
    config: Config, vocabularies: Vocabularies, annotator: Annotator
) -> tuple[Config, Vocabularies, Annotator]:
    """Returns the tag model of a model of captions and labels; weights are shared.

    Raises:
      ValueError: the model does not predict labels.
    """
    return label_config(config), vocabularies.of_labels(), annotator.for_labels()


def restore_offering_others(checkpoint: Path, variables: dict[str, keras.Variable]) -> None:
    """Restores a checkpoint; if it is damaged, the error names the intact ones of the run.

    Raises:
      ValueError: the checkpoint is damaged or does not fit.
    """
    try:
        checkpoints.restore(checkpoint, variables)
    except ValueError as error:
        others = checkpoints.other_intact(checkpoint)
        if not others:
            raise
        raise ValueError(
            f"{error} Intact ones: {', '.join(others)}. Move the damaged folder away to use "
            f"{others[0]}."
        ) from error


def _write_config(
    folder: Path,
    config: Config,
    stage: str,
    vocabularies: Vocabularies,
    read: Mapping[str, Any],
) -> None:
    config_io.save(
        config,
        str(folder / CONFIG_FILE),
        stage=stage,
        commit=code_commit(),
        digests=vocabularies.digests(),
        **read,
        versions={
            "semreg_tf": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    )


def _write_changed_fields(folder: Path, config: Config) -> None:
    """Writes the config of a resumed run, with what its first start has recorded beside it.

    A file that was edited by hand keeps its old digest, so that readers are still warned.
    """
    about = read_about(folder)
    earlier = config_io.from_file_values(about, str(folder / CONFIG_FILE))
    changed = config_io.differing_fields(config, earlier)
    if changed:
        values = {**about, "config": config_io.to_dict(config)}
        unchanged = digests.is_unchanged(about)
        write_json(folder / CONFIG_FILE, digests.with_own_digest(values) if unchanged else values)
        logger.info("%s has new values: %s", folder / CONFIG_FILE, ", ".join(sorted(changed)))


def code_commit(folder: Path = Path(__file__).parents[2]) -> str | None:
    """Returns the commit of the code, with the suffix `+changes` if the code was changed.

    Args:
      folder: the checkout; files outside the code, such as runs and results, are ignored.

    Returns:
      The commit, or None if the code is not a checkout, as when it is installed.
    """
    # For a package installed inside a user's repository, git would return the user's commit.
    if _git(folder, "ls-files", "--error-unmatch", *_CODE) is None:
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "-s", "--", *_CODE)
    return f"{commit}{CHANGES}" if commit and changes else commit


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
