"""How far an LSTM's gates are open or shut: a gate that hardly moves no longer learns."""

import numpy as np
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.models.annotator import Annotator
from semreg_tf.models.ensemble import Ensemble

SHUT, OPEN = 0.1, 0.9


def gate_values(annotator: Annotator, tensors: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Runs the decoder over each image's first caption with teacher forcing.

    Args:
      annotator: the models.
      tensors: a batch with the sequence keys and what the encoder reads; `concepts` alone feed
        the ground truth.

    Returns:
      For "input", "forget" and "output" the gate's values at real words, (words, units) float32;
      nothing where there is no decoder or its cell has no such gates.
    """
    decoder = annotator.decoder
    if decoder is None or not decoder.cell.gate_names:
        return {}
    (outputs,) = Ensemble([annotator]).encode([tensors])
    context = decoder.prepare(outputs)
    ids, mask = tensors[batch.INPUT_IDS][:, 0], tensors[batch.PADDING_MASK][:, 0].numpy()
    state = decoder.initial_state(context, tf.shape(ids)[0])
    found: dict[str, list[np.ndarray]] = {name: [] for name in decoder.cell.gate_names}
    for t in range(ids.shape[1]):
        gates, state = decoder.gates(ids[:, t], state, context)
        for name, gate in gates.items():
            found[name].append(tf.cast(gate, tf.float32).numpy()[mask[:, t]])
    return {name: np.concatenate(values) for name, values in found.items()}


def saturation(gates: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns each gate's share of values below 0.1 and above 0.9, by the scalar's name."""
    shares: dict[str, float] = {}
    for name, values in gates.items():
        shares[f"gates/{name}_below_{SHUT}"] = float(np.mean(values < SHUT))
        shares[f"gates/{name}_above_{OPEN}"] = float(np.mean(values > OPEN))
    return shares
