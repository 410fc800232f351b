"""A trained model as a SavedModel: picture bytes in, strings out, everything inside the graph."""

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
from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.combined_annotator import CombinedAnnotator
from semreg_tf.exporting.export_part import ExportPart, in_order, share_encoder
from semreg_tf.exporting.model_card import CARD_FILE, write_card_of_parts
from semreg_tf.exporting.provenance import Provenance
from semreg_tf.exporting.served_annotator import ServedAnnotator
from semreg_tf.files import digests
from semreg_tf.files.file_lock import FileLock
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.batch_norm_folding import STATISTICS_FILE, folded_statistics
from semreg_tf.models.encoder import encoder_spec

ASSETS = "assets.extra"
INFO_FILE = "semreg_tf.json"
# Of an export of two runs, the folder of the tag model's assets, and its part of the info.
TAG_ASSETS = "tags"
FORMAT_VERSION = 2
_EARLIER = ".earlier"


def export(
    config: Config,
    vocabularies: Vocabularies,
    annotator: Annotator,
    path: str | Path,
    num_results: int | None = None,
    *,
    weights_dtype: str = "float32",
    provenance: Provenance | None = None,
) -> Path:
    """Writes a SavedModel that TensorFlow alone can run, atomically.

    Beside the graph and the weights, `assets.extra/` holds the vocabularies, the config, the run's
    results, what `semreg_tf.load` reads, and what training needs to go on from the export;
    `MODEL.md` is the model's card.

    Args:
      config: the experiment.
      vocabularies: its names.
      annotator: its models, weights set.
      path: a folder that is not there yet or holds an earlier export.
      num_results: sequences in an answer; None: the beam width.
      weights_dtype: of the matrices on disk: "float32", or "bfloat16" or "float16", which halve
        the size; arithmetic is in float32 all the same.
      provenance: how the model was trained, for the card and the assets.

    Returns:
      The folder.

    Raises:
      ValueError: the path is taken by something else, the annotator reads no pictures, the
        weights do not fit the dtype, or another process writes there.
      OSError: the disk is full or read-only; what was there is as it was.
    """
    part = ExportPart(config, vocabularies, annotator, provenance or Provenance())
    return export_parts([part], path, num_results, weights_dtype=weights_dtype)


def export_parts(
    parts: Sequence[ExportPart],
    path: str | Path,
    num_results: int | None = None,
    *,
    weights_dtype: str = "float32",
) -> Path:
    """Writes one model, or a captioner and a tag model together, whose one call answers both.

    Where the two read pictures by the same CNN, the export holds and runs it once.

    Args:
      parts: one, or two of different tasks.
      path: as for `export`.
      num_results: as for `export`.
      weights_dtype: as for `export`.

    Returns:
      The folder. Of two, the tag model's assets are in `assets.extra/tags/`.

    Raises:
      ValueError: as `export`; or two models that do not go together.
      OSError: as `export`.
    """
    if len(parts) not in (1, 2):
        raise ValueError(
            "`parts` must be one model, or a captioner and a tag model. "
            f"Received: {len(parts)} models"
        )
    parts = in_order(*parts) if len(parts) == 2 else tuple(parts)
    shared = len(parts) == 2 and share_encoder(*parts)
    final = Path(path)
    with FileLock(final.with_name(f".{final.name}.lock"), "path", path):
        _take_back_earlier(final)
        if final.exists() and not (final / ASSETS / INFO_FILE).exists():
            raise ValueError(
                "`path` must be new or hold an earlier export: something else is there. "
                f"Received: path={str(path)!r}"
            )
        parts = [dataclasses.replace(p, config=_without_folders(p.config)) for p in parts]
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
        infos = [_describe(*each, weights_dtype) for each in zip(parts, served, strict=True)]
        info = infos[0] if len(parts) == 1 else _describe_both(infos[0], infos[1], shared)
        with _whole_or_absent(final) as partial:
            tf.saved_model.save(module, str(partial), signatures=module.signatures())
            for part, folder in zip(parts, (ASSETS, f"{ASSETS}/{TAG_ASSETS}"), strict=False):
                _write_assets(partial / folder, part)
                _write_statistics(partial / folder, part.annotator.encoder)
            write_card_of_parts(partial, parts, info)
            write_info(partial, info)
    return final


def _without_encoder(annotator: Annotator) -> Annotator:
    """Returns the annotator as one that reads the features of another's encoder."""
    reading = copy.copy(annotator)
    reading.encoder = None
    return reading


@contextlib.contextmanager
def _whole_or_absent(final: Path) -> Iterator[Path]:
    """Gives a folder beside `final` that takes its place, or is removed where anything fails."""
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        _replace(final, partial)
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            "`path` could not take the export; what was there is intact. Make room and export "
            f"again. Received: path={str(final)!r} ({str(error).splitlines()[0]})"
        ) from error
    finally:
        _take_back_earlier(final)
        shutil.rmtree(partial, ignore_errors=True)


def write_info(folder: Path, info: Mapping[str, Any]) -> None:
    """Writes what `semreg_tf.load` reads, with the digests of the export's other files.

    The card is for reading and may be written again. TensorFlow's index of the variables holds a
    checksum of each, so that its digest stands for them.

    Args:
      folder: the export, complete but for this file.
      info: what it says.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    others = (f"{ASSETS}/{INFO_FILE}", CARD_FILE)
    names = [n for n in names if n not in others and ".data-" not in n]
    carried = {digests.FILE_DIGESTS: digests.file_digests(folder, names)}
    sealed = digests.with_own_digest({**info, **carried})
    text = json.dumps(sealed, indent=2) + "\n"
    (folder / ASSETS / INFO_FILE).write_text(text, encoding="utf-8")


def _take_back_earlier(final: Path) -> None:
    """Undoes the first of the two renamings where the second did not follow."""
    earlier = final.with_name(final.name + _EARLIER)
    if earlier.exists() and not final.exists():
        os.replace(earlier, final)


def _without_folders(config: Config) -> Config:
    """Returns the config with the name alone of a file of first weights."""
    weights, listed = config.encoder.weights, config.data.concept_list
    encoder = dataclasses.replace(config.encoder, weights=weights and Path(weights).name)
    data = dataclasses.replace(config.data, concept_list=listed and Path(listed).name)
    return dataclasses.replace(config, encoder=encoder, data=data)


def _describe(part: ExportPart, served: ServedAnnotator, weights_dtype: str) -> dict[str, Any]:
    config, provenance = part.config, part.provenance
    return {
        "format_version": FORMAT_VERSION,
        "config": config_io.to_dict(config),
        "task": part.task,
        "side_information": config.reads_user_tags,
        "image_size": config.image.size or encoder_spec(config.encoder.name).default_size,
        "weights_dtype": weights_dtype,
        "weights_sha256": served.weights.digest(),
        "num_parameters": served.num_parameters,
        "commit": provenance.commit,
        "stage": provenance.stage,
        "step": provenance.step,
        "exported_with": {
            "semreg_tf": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }


def _describe_both(captions: dict[str, Any], tags: dict[str, Any], shared: bool) -> dict[str, Any]:
    """Returns the captioner's description with the tag model's inside."""
    digests_of_both = captions["weights_sha256"] + tags["weights_sha256"]
    own = ("config", "weights_sha256", "num_parameters", "commit", "stage", "step", "image_size")
    return {
        **captions,
        "tasks": ["captions", "tags"],
        "side_information": captions["side_information"] or tags["side_information"],
        "weights_sha256": hashlib.sha256(digests_of_both.encode()).hexdigest(),
        "num_parameters": captions["num_parameters"] + tags["num_parameters"],
        "encoders": 1 if shared else 2,
        "captions": {name: captions[name] for name in own if name != "config"},
        TAG_ASSETS: {name: tags[name] for name in own},
    }


def _write_assets(folder: Path, part: ExportPart) -> None:
    folder.mkdir()
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
        results = json.dumps(provenance.portable_results(), indent=2)
        (folder / "results.json").write_text(results + "\n", encoding="utf-8")


def _write_statistics(folder: Path, encoder: keras.Model) -> None:
    """Writes what folding loses, so that training can start from the export."""
    statistics = folded_statistics(encoder)
    if statistics:
        np.savez(folder / STATISTICS_FILE, *statistics)


def _replace(final: Path, partial: Path) -> None:
    # A folder cannot be renamed over another: the earlier export is moved aside, then removed.
    earlier = final.with_name(final.name + _EARLIER)
    shutil.rmtree(earlier, ignore_errors=True)
    if final.exists():
        os.replace(final, earlier)
    os.replace(partial, final)
    shutil.rmtree(earlier, ignore_errors=True)
