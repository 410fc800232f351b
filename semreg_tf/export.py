"""Export of trained models as SavedModels, whose graphs map picture bytes to strings."""

import contextlib
import copy
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from semreg_tf import config_io
from semreg_tf._version import __version__
from semreg_tf.exporting.combined_annotator import CombinedAnnotator
from semreg_tf.exporting.export_part import ExportPart, in_order, share_encoder
from semreg_tf.exporting.model_card import CARD_FILE, write_card_of_parts
from semreg_tf.exporting.served_annotator import ServedAnnotator
from semreg_tf.files import digests
from semreg_tf.files.export_info import ASSETS, FORMAT_VERSION, INFO_FILE, TAG_ASSETS, is_export
from semreg_tf.files.file_lock import FileLock
from semreg_tf.files.whole_file import write_json
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import STATISTICS_FILE, folded_statistics
from semreg_tf.models.encoder import input_side

_EARLIER = "earlier"


def export_parts(
    parts: Sequence[ExportPart],
    path: str | Path,
    num_results: int | None = None,
    *,
    weights_dtype: str = "float32",
) -> Path:
    """Writes a SavedModel atomically; running it needs TensorFlow only.

    `assets.extra/` holds the vocabularies, the config, the run's results, the info that
    `semreg_tf.load` reads, and what training needs to start from the export. `MODEL.md` is the
    model card.

    Args:
      parts: one model, or a captioner and a tag model whose answers one call returns. If both have
        the same CNN, the export holds it and runs it once. The tag model's assets are in
        `assets.extra/tags/`.
      path: a folder that does not exist or holds an earlier export.
      num_results: number of sequences in an answer; None: the beam width.
      weights_dtype: dtype of the matrices on disk, see `exporting.stored_weights`; arithmetic is
        always in float32.

    Returns:
      The folder.

    Raises:
      ValueError: the folder holds something else, the weights do not fit the dtype, two models
        cannot be combined, or another process writes the folder.
      OSError: the disk is full or read-only; an earlier export is not changed.
    """
    if len(parts) not in (1, 2):
        raise ValueError(
            "`parts` must be one model, or a captioner and a tag model. "
            f"Received: {len(parts)} models"
        )
    parts = in_order(*parts) if len(parts) == 2 else tuple(parts)
    shared = len(parts) == 2 and share_encoder(*parts)
    parts = [without_folders(part) for part in parts]
    with new_export(path) as folder:
        served = [
            ServedAnnotator(
                part.config,
                part.vocabularies,
                _without_encoder(part.annotator) if shared and i else part.annotator,
                num_results,
                weights_dtype,
            )
            for i, part in enumerate(parts)
        ]
        module = served[0] if len(parts) == 1 else CombinedAnnotator(*served)
        infos = [describe(*each, weights_dtype) for each in zip(parts, served, strict=True)]
        info = infos[0] if len(parts) == 1 else _describe_both(infos[0], infos[1], shared)
        tf.saved_model.save(module, str(folder), signatures=module.signatures())
        for part, assets in zip(parts, (ASSETS, f"{ASSETS}/{TAG_ASSETS}"), strict=False):
            write_assets(folder / assets, part)
            _write_statistics(folder / assets, part.annotator.encoder)
        write_card_of_parts(folder, parts, info)
        write_info(folder, info)
    return Path(path)


@contextlib.contextmanager
def new_export(path: str | Path) -> Iterator[Path]:
    """Gives a folder to be filled that then takes its place whole, or is removed.

    Raises:
      ValueError: the path is taken by something else, or another process writes there.
      OSError: the disk is full or read-only; what was there is as it was.
    """
    # A link stays a link: the folder that it names is replaced.
    final = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    with FileLock(final.with_name(f".{final.name}.lock"), "path", path):
        _restore_earlier(final)
        if final.exists() and not is_export(final):
            raise ValueError(
                "`path` must be new or hold an earlier export: something else is there. "
                f"Received: path={str(path)!r}"
            )
        with _whole_or_absent(final) as partial:
            yield partial


def _without_encoder(annotator: Annotator) -> Annotator:
    """Returns a copy of the annotator that reads features instead of images."""
    without = copy.copy(annotator)
    without.encoder = None
    return without


@contextlib.contextmanager
def _whole_or_absent(final: Path) -> Iterator[Path]:
    """Yields a path for a folder that replaces `final` at the end, or is removed on an error.

    What people put into an earlier export is carried over.
    """
    # The hidden folder is this function's alone, so that no folder of a user is ever removed.
    hidden = _hidden_folder(final)
    partial = hidden / "new"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        hidden.mkdir(parents=True, exist_ok=True)
        yield partial
        _carry_over(final, partial)
        _replace(final, partial)
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            "`path` must be writable for the export; an earlier one is intact. Free space and "
            f"export again. Received: path={str(final)!r} ({str(error).splitlines()[0]})"
        ) from error
    finally:
        _restore_earlier(final)
        shutil.rmtree(partial, ignore_errors=True)
        with contextlib.suppress(OSError):
            # Only an empty folder is removed.
            hidden.rmdir()


def _hidden_folder(final: Path) -> Path:
    return final.with_name(f".{final.name}.semreg-export")


def _carry_over(earlier: Path, new: Path) -> None:
    """Copies the files of an earlier export that no exporter wrote, such as example pictures."""
    if not earlier.exists():
        return
    try:
        written = json.loads((earlier / INFO_FILE).read_bytes()).get(digests.FILE_DIGESTS)
    except (ValueError, AttributeError):
        # A damaged export may be replaced too.
        written = None
    for path in sorted(p for p in earlier.rglob("*") if p.is_file()):
        name = path.relative_to(earlier).as_posix()
        # Exports of versions without digests do not say which other files people put there.
        of_people = "/examples/" in name if written is None else name not in written
        if of_people and not _has_no_digest(name) and not (new / name).exists():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, new / name)


def _has_no_digest(name: str) -> bool:
    others = (INFO_FILE.as_posix(), CARD_FILE)
    return name in others or name.startswith("variables/variables.data-")


def write_info(folder: Path, info: Mapping[str, Any]) -> None:
    """Writes the info that `semreg_tf.load` reads, with the digests of the export's other files.

    The model card, which may be written again, has no digest. The variables' data files have none,
    because TensorFlow's index has checksums of them.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    file_digests = digests.file_digests(folder, [n for n in names if not _has_no_digest(n)])
    info = digests.with_own_digest({**info, digests.FILE_DIGESTS: file_digests})
    write_json(folder / INFO_FILE, info)


def _restore_earlier(final: Path) -> None:
    """Restores the earlier export if `_replace` was interrupted between its two renamings."""
    earlier = _hidden_folder(final) / _EARLIER
    if earlier.exists() and not final.exists():
        os.replace(earlier, final)


def without_folders(part: ExportPart) -> ExportPart:
    """Returns the part with the names alone of files that its config mentions."""
    config = part.config
    weights, listed = config.encoder.weights, config.data.concept_list
    encoder = dataclasses.replace(config.encoder, weights=weights and Path(weights).name)
    data = dataclasses.replace(config.data, concept_list=listed and Path(listed).name)
    return dataclasses.replace(part, config=dataclasses.replace(config, encoder=encoder, data=data))


def describe(part: ExportPart, served: ServedAnnotator, weights_dtype: str) -> dict[str, Any]:
    """Returns what an export's info says of one model."""
    config, provenance = part.config, part.provenance
    return {
        "format_version": FORMAT_VERSION,
        "config": config_io.to_dict(config),
        "task": part.task,
        "side_information": config.reads_user_tags,
        "image_size": input_side(config),
        "weights_dtype": weights_dtype,
        "weights_sha256": served.weights.digest(),
        "num_parameters": served.num_parameters,
        "commit": provenance.commit,
        "stage": provenance.stage,
        "step": provenance.step,
        "started_from_model": provenance.started_from_model,
        "reward_steps": provenance.reward_steps,
        "exported_with": {
            "semreg_tf": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }


def _describe_both(captions: dict[str, Any], tags: dict[str, Any], shared: bool) -> dict[str, Any]:
    """Returns the captioner's info, which includes the tag model's."""
    digests_of_both = captions["weights_sha256"] + tags["weights_sha256"]
    keys = ("config", "weights_sha256", "num_parameters", "commit", "stage", "step", "image_size")
    return {
        **captions,
        "tasks": ["captions", "tags"],
        "side_information": captions["side_information"] or tags["side_information"],
        "weights_sha256": hashlib.sha256(digests_of_both.encode()).hexdigest(),
        "num_parameters": captions["num_parameters"] + tags["num_parameters"],
        "encoders": 1 if shared else 2,
        "captions": {name: captions[name] for name in keys if name != "config"},
        TAG_ASSETS: {name: tags[name] for name in keys},
    }


def write_assets(folder: Path, part: ExportPart) -> None:
    """Writes the names, the config and the results of one model into a new folder."""
    folder.mkdir(parents=True)
    provenance = part.provenance
    part.vocabularies.save(folder)
    config_io.save(
        part.config,
        str(folder / "config.json"),
        stage=provenance.stage,
        commit=provenance.commit,
        versions=dict(provenance.versions),
    )
    if provenance.results:
        write_json(folder / "results.json", provenance.portable_results())


def _write_statistics(folder: Path, encoder: keras.Model) -> None:
    """Writes the batch-normalisation statistics, so that training can start from the export."""
    statistics = folded_statistics(encoder)
    if statistics:
        np.savez(folder / STATISTICS_FILE, *statistics)


def _replace(final: Path, partial: Path) -> None:
    # A folder cannot replace another by renaming, so the earlier export is renamed first.
    earlier = _hidden_folder(final) / _EARLIER
    shutil.rmtree(earlier, ignore_errors=True)
    if final.exists():
        os.replace(final, earlier)
    os.replace(partial, final)
    shutil.rmtree(earlier, ignore_errors=True)
