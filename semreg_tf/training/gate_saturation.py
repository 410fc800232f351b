"""Saturation of a cell's gates: gates near 0 or 1 have small gradients."""

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble

SHUT, OPEN = 0.1, 0.9


def gate_values(annotator: Annotator, tensors: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Runs the decoder over each image's first caption with teacher forcing.

    The batch has the sequence keys, and the inputs of the encoder or `concepts`.

    Returns:
      Gate name -> values at real words, (words, units) float32; {} without a decoder or gates.
    """
    decoder = annotator.decoder
    if decoder is None or not decoder.cell.gate_names:
        return {}
    (outputs,) = Ensemble([annotator]).encode([tensors])
    context = decoder.prepare(outputs)
    ids, mask = tensors[batch.INPUT_IDS][:, 0], tensors[batch.PADDING_MASK][:, 0].numpy()
    state = decoder.initial_state(context, tf.shape(ids)[0])
    by_name: dict[str, list[np.ndarray]] = {name: [] for name in decoder.cell.gate_names}
    for t in range(ids.shape[1]):
        gates, state = decoder.gates(ids[:, t], state, context)
        for name, gate in gates.items():
            by_name[name].append(tf.cast(gate, tf.float32).numpy()[mask[:, t]])
    return {name: np.concatenate(values) for name, values in by_name.items()}


def saturation(gates: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns the fractions of each gate's values below 0.1 and above 0.9, by scalar name."""
    shares: dict[str, float] = {}
    for name, values in gates.items():
        shares[f"gates/{name}_below_{SHUT}"] = float(np.mean(values < SHUT))
        shares[f"gates/{name}_above_{OPEN}"] = float(np.mean(values > OPEN))
    return shares
