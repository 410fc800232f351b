"""Starting from another model whose vocabulary is not the same: what matches by name is kept."""

import logging
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from semreg_tf.config import Config
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.concept_head import HIDDEN, LOGITS, STANDARDISE
from semreg_tf.models.encoder import stored_variables
from semreg_tf.training import workdir
from semreg_tf.training.exported_weights import is_export, load_exported
from semreg_tf.training.identity import CONFIG_FILE
from semreg_tf.training.phases import find_stage

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Donor:
    """Another model, trained: a run's, or an export's.

    Attributes:
      path: its folder.
      config: its experiment.
      vocabularies: its names.
      annotator: its models.
      saw_images: False where its stage was fed the true concepts, so that its CNN is untrained.
    """

    path: Path
    config: Config
    vocabularies: Vocabularies
    annotator: Annotator
    saw_images: bool


def open_donor(path: str | Path) -> Donor:
    """Loads another model, from the work directory of a run or from an export.

    Raises:
      ValueError: the folder is neither, or a file in it is damaged or exchanged.
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
        stage = workdir.read_stage(path)
    known = stage in config.stages
    saw_images = not (known and find_stage(config, stage).reads_true_concepts)
    return Donor(Path(path), config, names, annotator, saw_images)


def init_from(annotator: Annotator, vocabularies: Vocabularies, donor: Donor) -> dict[str, str]:
    """Takes over the encoder and the rows of matching names from another model.

    Concepts, words and user tags are matched by name, START, END and UNK by their role; what has
    no match keeps its first value, and so does every part of another shape.

    Args:
      annotator: whose weights are set.
      vocabularies: of this run.
      donor: the other model.

    Returns:
      For each part, how much of it was taken.

    Raises:
      ValueError: the donor trained another encoder.
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
    taken = {}
    if saw_images:
        taken["encoder"] = _whole(*(stored_variables(a.encoder) for a in (annotator, source)))
    if not saw_images:
        taken["concepts"] = "nothing: a stage that is fed the true concepts trains no CNN"
    elif config.concepts.hidden_units != annotator.config.concepts.hidden_units:
        taken["concepts"] = "nothing: another number of hidden units"
    elif any(c.concepts.neighbours or c.concepts.layers for c in (config, annotator.config)):
        taken["concepts"] = "nothing: of another kind of head no rows stand for a concept alone"
    else:
        if _transfer_head(annotator, source, concepts):
            taken[STANDARDISE] = "whole"
        taken["concepts"] = f"{len(concepts[0])} of {len(vocabularies.concepts)}"
    if annotator.decoder is not None and source.decoder is not None:
        taken["cell"] = _transfer_decoder(annotator, source, concepts, words)
        taken["words"] = f"{len(words[0])} of {vocabularies.output.input_size}"
    told = "; ".join(f"{part} {amount}" for part, amount in taken.items())
    logger.info("Taken from %s, by name: %s", donor.path, told)
    return taken


Matches = tuple[np.ndarray, np.ndarray]


def _matches(names: tuple[str, ...], others: tuple[str, ...]) -> Matches:
    """Returns the ids in both lists of the names that both have."""
    index = {name: i for i, name in enumerate(others)}
    ours = [i for i, name in enumerate(names) if name in index]
    return np.array(ours, int), np.array([index[names[i]] for i in ours], int)


def _word_matches(output: Vocabulary, other: Vocabulary) -> Matches:
    ours, theirs = _matches(output.names, other.names)
    roles = [(output.start_id, other.start_id), (output.end_id, other.end_id)]
    if output.unknown_id is not None and other.unknown_id is not None:
        roles.append((output.unknown_id, other.unknown_id))
    return np.append(ours, [a for a, _ in roles]), np.append(theirs, [b for _, b in roles])


def _whole(ours: list[keras.Variable], theirs: list[keras.Variable]) -> str:
    if [tuple(v.shape) for v in ours] != [tuple(v.shape) for v in theirs]:
        return "nothing: another shape"
    for variable, value in zip(ours, theirs, strict=True):
        variable.assign(value)
    return "whole"


def _rows(variable: keras.Variable, other: keras.Variable, matches: Matches, axis: int) -> None:
    """Sets the matching rows (axis 0) or columns (axis -1), where the other axis agrees."""
    values, given = np.array(variable), np.asarray(other)
    if np.delete(values.shape, axis).tolist() != np.delete(given.shape, axis).tolist():
        return
    ours, theirs = matches
    if axis == 0:
        values[ours] = given[theirs]
    else:
        values[..., ours] = given[..., theirs]
    variable.assign(values)


def _transfer_head(annotator: Annotator, source: Annotator, concepts: Matches) -> bool:
    """Returns whether the features' standardisation was taken too."""
    ours, theirs = (a.head.get_layer(LOGITS) for a in (annotator, source))
    if annotator.config.concepts.hidden_units:
        hidden = [a.head.get_layer(HIDDEN).variables for a in (annotator, source)]
        _whole(*hidden)
    _rows(ours.kernel, theirs.kernel, concepts, -1)
    _rows(ours.bias, theirs.bias, concepts, -1)
    scaled = annotator.config.encoder.standardise and source.config.encoder.standardise
    if not scaled or annotator.feature_size != source.feature_size:
        return False
    ours, theirs = (a.head.get_layer(STANDARDISE) for a in (annotator, source))
    ours.set_statistics(np.asarray(theirs.mean), np.asarray(theirs.deviation))
    return True


def _transfer_decoder(
    annotator: Annotator, source: Annotator, concepts: Matches, words: Matches
) -> str:
    ours, theirs = annotator.decoder, source.decoder
    _rows(ours.embedding, theirs.embedding, words, 0)
    if ours.second_embedding is not None and theirs.second_embedding is not None:
        _whole(ours.second_embedding.variables, theirs.second_embedding.variables)
    if not ours.config.tie_output and not theirs.config.tie_output:
        # START is input only: the output has no row for it.
        outputs = words[0] < ours.vocab_size
        chosen = words[0][outputs], words[1][outputs]
        _rows(ours.output_layer.kernel, theirs.output_layer.kernel, chosen, -1)
        _rows(ours.output_layer.bias, theirs.output_layer.bias, chosen, -1)
    for mine, other in zip(ours.conditionings, theirs.conditionings, strict=False):
        if type(mine) is not type(other) or mine.config.embedding != other.config.embedding:
            continue
        pairs = zip(mine.trainable_variables, other.trainable_variables, strict=False)
        for variable, value in pairs:
            if mine.config.embedding == "concepts" and variable.shape[0] == annotator.num_concepts:
                _rows(variable, value, concepts, 0)
            elif tuple(variable.shape) == tuple(value.shape):
                variable.assign(value)
    return _whole(ours.cell.variables, theirs.cell.variables)
