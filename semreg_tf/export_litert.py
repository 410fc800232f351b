"""Export of trained models as LiteRT files, for phones and browsers, without TensorFlow."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from semreg_tf.data.image_ops import resized_side
from semreg_tf.export import describe, new_export, without_folders, write_assets, write_info
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.litert_conversion import convert
from semreg_tf.exporting.litert_signatures import LiteRTSignatures
from semreg_tf.exporting.model_card import write_card
from semreg_tf.exporting.served_annotator import ServedAnnotator
from semreg_tf.files.export_info import ASSETS, LITERT
from semreg_tf.image_annotation import shown_last_of
from semreg_tf.litert_model import DESCRIPTION_FILE, MODEL_FILE
from semreg_tf.models.encoder import encoder_spec, input_side


def export_litert(
    part: ExportPart,
    path: str | Path,
    num_results: int | None = None,
    *,
    weights_dtype: str = "float32",
    also: Callable[[Path, dict[str, Any]], None] | None = None,
) -> Path:
    """Writes a folder with a LiteRT file and everything that a program needs to use it, atomically.

    `model.tflite` has the signatures of `LiteRTSignatures`. `model.json` describes how pictures are
    prepared, the signature with the SavedModel's answers, and the words. The model card and
    `assets.extra/` are as in a SavedModel.

    Args:
      part: the model.
      path: a folder that does not exist or holds an earlier export.
      num_results: number of sequences in an answer of beam search; None: the beam width.
      weights_dtype: "float32", "float16", or "int8" (dynamic: activations are quantised at run
        time).
      also: writes further files; it is called with the folder, before the folder is renamed, and
        with the contents of `model.json`.

    Returns:
      The folder.

    Raises:
      ValueError: as for `export_parts`, or the model needs operations that LiteRT lacks.
      OSError: as for `export_parts`.
    """
    part = without_folders(part)
    config = part.config
    served, module = litert_functions(part, num_results)
    data = convert(module, module.signatures(), weights_dtype, config.name)
    info = describe(part, served, weights_dtype)
    info |= {"format": LITERT, "weights_sha256": hashlib.sha256(data).hexdigest()}
    description = {
        "name": config.name,
        "dataset": config.data.dataset,
        "task": part.task,
        "image": {
            "size": module.size,
            "resized": resized_side(module.size, config.image.resize_ratio),
        },
        "signature": module.default,
        **_search(part, served),
        # The rows of unknown words and of END come after the names.
        "num_names": len(part.vocabularies.output.names),
        "words": list(part.vocabularies.output.row_texts),
        "concepts": list(part.vocabularies.concepts.names),
        "shown_last": sorted(shown_last_of(info)),
        "user_tags": list(_user_tags(part)),
    }
    with new_export(path) as folder:
        folder.mkdir()
        (folder / MODEL_FILE).write_bytes(data)
        text = json.dumps(description, ensure_ascii=False, indent=1) + "\n"
        (folder / DESCRIPTION_FILE).write_text(text, encoding="utf-8")
        write_assets(folder / ASSETS, part)
        if also is not None:
            also(folder, description)
        write_card(folder, part, info, None)
        write_info(folder, info)
    return Path(path)


def litert_functions(
    part: ExportPart, num_results: int | None = None
) -> tuple[ServedAnnotator, LiteRTSignatures]:
    """Returns a model with the exported weights, and its LiteRT signatures.

    Raises:
      ValueError: the model reads crops of a picture.
    """
    if part.annotator.crops is not None:
        raise ValueError(
            "`workdir` must hold a model of whole pictures or of the CNN's map: LiteRT has no "
            "operation that cuts crops (CropAndResize). Leave `format` out to write a SavedModel. "
            f"Received: {part.config.name!r}, concepts.places.kind='crops'"
        )
    served = ServedAnnotator(part.config, part.vocabularies, part.annotator, num_results)
    size, mode = input_side(part.config), encoder_spec(part.config.encoder.name).preprocessing
    return served, LiteRTSignatures(served, size, mode, len(_user_tags(part)))


def _user_tags(part: ExportPart) -> tuple[str, ...]:
    tags = part.vocabularies.user_tags if part.config.reads_user_tags else None
    return () if tags is None else tags.names


def _search(part: ExportPart, served: ServedAnnotator) -> dict[str, Any]:
    """Returns the settings that a search over `step` needs; `greedy` and `beam` include them."""
    output, decoding = part.vocabularies.output, served.decoding
    if part.annotator.decoder is None:
        return {}
    return {
        "search": {
            "start_id": output.start_id,
            "end_id": output.end_id,
            "unknown_id": output.unknown_id,
            "beam_width": decoding.beam_width,
            "max_steps": decoding.max_steps,
            "length_normalisation": decoding.length_normalisation,
            "end_bias": decoding.end_bias,
            "block_unknown": decoding.block_unknown,
            "block_repeats": decoding.block_repeats,
        }
    }
