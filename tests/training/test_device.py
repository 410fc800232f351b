"""What a run says of the machine that its steps ran on."""

import pytest
import tensorflow as tf

from semreg_tf.training import device


@pytest.mark.parametrize(
    ("capability", "allowed", "expected"),
    [((9, 0), True, "NVIDIA H200, TF32"), ((9, 0), False, "NVIDIA H200"), ((7, 0), True, "V100")],
)
def test_a_gpu_is_named_with_its_rounding(monkeypatch, capability, allowed, expected):
    details = {"device_name": expected.partition(",")[0], "compute_capability": capability}
    experimental = tf.config.experimental
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    monkeypatch.setattr(experimental, "get_device_details", lambda gpu: {"first": details}[gpu])
    monkeypatch.setattr(experimental, "tensor_float_32_execution_enabled", lambda: allowed)
    assert device.device_name() == expected


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert device.device_name() == device.CPU
