"""Copying weights from another model, with rows matched by name if vocabularies differ."""

import logging
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.files.export_info import is_export
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_head import HIDDEN, LOGITS, STANDARDISE
from semreg_tf.models.encoder import stored_variables
from semreg_tf.training import workdir
from semreg_tf.training.exported_weights import load_exported
from semreg_tf.training.identity import CONFIG_FILE
from semreg_tf.training.phases import find_stage

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Donor:
    """Another trained model, from a run or an export.

    It saw no images if its stage was trained on true concepts: then its CNN is untrained.
    """

    path: Path
    config: Config
    vocabularies: Vocabularies
    annotator: Annotator
    saw_images: bool


def open_donor(path: str | Path) -> Donor:
    """Loads another model from a work directory or an export.

    Raises:
      ValueError: the folder is neither, or a file in it is damaged or was exchanged.
    """
    if is_export(path):
        config, names, annotator, stage = load_exported(path)
    elif (Path(path) / "saved_model.pb").exists() or not (Path(path) / CONFIG_FILE).exists():
        raise ValueError(
            "`init_from` must be the work directory of a run, or a folder that the export command "
            f"wrote. Received: init_from={str(path)!r}"
        )
    else:
        config, names, annotator = workdir.load_annotator(path)
        stage = workdir.read_about(path)["stage"]
    known = stage in config.stages
    saw_images = not (known and find_stage(config, stage).reads_true_concepts)
    return Donor(Path(path), config, names, annotator, saw_images)


def init_from(annotator: Annotator, vocabularies: Vocabularies, donor: Donor) -> dict[str, str]:
    """Copies the encoder, and the rows of matching names, from another model.

    Concepts and words are matched by name; START, END and UNK by role. Rows without a match and
    parts of another shape keep their initial values.

    Returns:
      Part -> how much of it was copied.

    Raises:
      ValueError: the donor has another encoder.
    """
    config, others, source = donor.config, donor.vocabularies, donor.annotator
    name, saw_images = annotator.config.encoder.name, donor.saw_images
    if saw_images and config.encoder.name != name:
        raise ValueError(
            f"`init_from` must have this experiment's encoder, {name!r}. "
            f"Received: encoder={config.encoder.name!r} in {str(donor.path)!r}"
        )
    concepts = _matches(vocabularies.concepts.names, others.concepts.names)
    words = _word_matches(vocabularies.output, others.output)
    copied = {}
    if saw_images:
        copied["encoder"] = _copy_all(*(stored_variables(a.encoder) for a in (annotator, source)))
    if not saw_images:
        copied["concepts"] = "nothing: a stage that is fed the true concepts trains no CNN"
    elif config.concepts.hidden_units != annotator.config.concepts.hidden_units:
        copied["concepts"] = "nothing: another number of hidden units"
    elif any(c.concepts.neighbours or c.concepts.layers for c in (config, annotator.config)):
        copied["concepts"] = "nothing: the head has no rows that belong to single concepts"
    else:
        if _transfer_head(annotator, source, concepts):
            copied[STANDARDISE] = "whole"
        copied["concepts"] = f"{len(concepts[0])} of {len(vocabularies.concepts)}"
    if annotator.decoder is not None and source.decoder is not None:
        copied["cell"] = _transfer_decoder(annotator, source, concepts, words)
        copied["words"] = f"{len(words[0])} of {vocabularies.output.input_size}"
    summary = "; ".join(f"{part} {amount}" for part, amount in copied.items())
    logger.info("Copied from %s, by name: %s", donor.path, summary)
    return copied


Matches = tuple[np.ndarray, np.ndarray]


def _matches(names: tuple[str, ...], others: tuple[str, ...]) -> Matches:
    """Returns the ids of the common names in both lists."""
    _, ours, theirs = np.intersect1d(names, others, assume_unique=True, return_indices=True)
    return ours, theirs


def _word_matches(output: Vocabulary, other: Vocabulary) -> Matches:
    ours, theirs = _matches(output.names, other.names)
    roles = [(output.start_id, other.start_id), (output.end_id, other.end_id)]
    if output.unknown_id is not None and other.unknown_id is not None:
        roles.append((output.unknown_id, other.unknown_id))
    return np.append(ours, [a for a, _ in roles]), np.append(theirs, [b for _, b in roles])


def _copy_all(ours: list[keras.Variable], theirs: list[keras.Variable]) -> str:
    if [tuple(v.shape) for v in ours] != [tuple(v.shape) for v in theirs]:
        return "nothing: another shape"
    for variable, value in zip(ours, theirs, strict=True):
        variable.assign(value)
    return "whole"


def _copy_rows(
    variable: keras.Variable, other: keras.Variable, matches: Matches, axis: int
) -> None:
    """Copies the matching rows (axis 0) or columns (axis -1) if the other axes have equal sizes."""
    values, other_values = np.array(variable), np.asarray(other)
    if np.delete(values.shape, axis).tolist() != np.delete(other_values.shape, axis).tolist():
        return
    ours, theirs = matches
    if axis == 0:
        values[ours] = other_values[theirs]
    else:
        values[..., ours] = other_values[..., theirs]
    variable.assign(values)


def _transfer_head(annotator: Annotator, source: Annotator, concepts: Matches) -> bool:
    """Copies the head; returns whether the standardisation of features was copied too."""
    ours, theirs = (a.head.get_layer(LOGITS) for a in (annotator, source))
    if annotator.config.concepts.hidden_units:
        hidden = [a.head.get_layer(HIDDEN).variables for a in (annotator, source)]
        _copy_all(*hidden)
    _copy_rows(ours.kernel, theirs.kernel, concepts, -1)
    _copy_rows(ours.bias, theirs.bias, concepts, -1)
    scaled = annotator.config.encoder.standardise and source.config.encoder.standardise
    if not scaled or annotator.feature_size != source.feature_size:
        return False
    ours, theirs = (a.head.get_layer(STANDARDISE) for a in (annotator, source))
    ours.set_statistics(np.asarray(theirs.mean), np.asarray(theirs.deviation))
    return True


def _transfer_decoder(
    annotator: Annotator, source: Annotator, concepts: Matches, words: Matches
) -> str:
    """Copies the decoder; returns how much of the cell was copied."""
    ours, theirs = annotator.decoder, source.decoder
    _copy_rows(ours.embedding, theirs.embedding, words, 0)
    if ours.second_embedding is not None and theirs.second_embedding is not None:
        _copy_all(ours.second_embedding.variables, theirs.second_embedding.variables)
    if not ours.config.tie_output and not theirs.config.tie_output:
        # START is only an input: the output layer has no column for it.
        outputs = words[0] < ours.vocab_size
        matches = words[0][outputs], words[1][outputs]
        _copy_rows(ours.output_layer.kernel, theirs.output_layer.kernel, matches, -1)
        _copy_rows(ours.output_layer.bias, theirs.output_layer.bias, matches, -1)
    for mine, other in zip(ours.conditionings, theirs.conditionings, strict=False):
        if type(mine) is not type(other) or mine.config.embedding != other.config.embedding:
            continue
        pairs = zip(mine.trainable_variables, other.trainable_variables, strict=False)
        for variable, value in pairs:
            if mine.config.embedding == "concepts" and variable.shape[0] == annotator.num_concepts:
                _copy_rows(variable, value, concepts, 0)
            elif tuple(variable.shape) == tuple(value.shape):
                variable.assign(value)
    return _copy_all(ours.cell.variables, theirs.cell.variables)
