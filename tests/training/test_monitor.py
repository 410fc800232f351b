"""What a training run writes for TensorBoard."""

import math

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from semreg_tf.training.monitor import Monitor


def test_a_perplexity_beyond_float32_is_infinite_and_stops_nothing(tmp_path):
    monitor = Monitor(tmp_path, "joint", 0, 2, 1)
    monitor.scalars(2, {"perplexity": 1e300, "CIDEr": 0.25, "steps": 7})
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    written = {
        name: float(tf.make_ndarray(event.tensor_proto))
        for name in events.Tags()["tensors"]
        for event in events.Tensors(name)
    }
    assert written == {"perplexity": math.inf, "CIDEr": 0.25, "steps": 7.0}
