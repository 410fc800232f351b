"""The name of the device that training steps run on."""

import tensorflow as tf

CPU = "CPU"


def device_name() -> str:
    """Returns the driver's name of the first GPU that TensorFlow sees, or "CPU".

    The name ends in "TF32" if float32 matrix products are computed in TF32.

    Example:
      >>> device_name()
      'NVIDIA H200, TF32'
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return CPU
    details = tf.config.experimental.get_device_details(gpus[0])
    name = details.get("device_name", "GPU")
    has_tf32 = details.get("compute_capability", (0, 0)) >= (8, 0)
    allowed = tf.config.experimental.tensor_float_32_execution_enabled()
    return f"{name}, TF32" if has_tf32 and allowed else name
