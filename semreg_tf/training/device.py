"""What the steps of this process run on, in words."""

import tensorflow as tf

CPU = "CPU"


def device_name() -> str:
    """Returns the name of the first GPU that TensorFlow sees, as its driver tells it, or "CPU".

    Matrix products in float32 round their factors to TF32 on GPUs that have it, unless that was
    switched off; the name tells.

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
