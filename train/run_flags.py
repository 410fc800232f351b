"""The flags that say where and how a training runs, shared by all training binaries."""

from typing import Any

from absl import flags

from semreg_tf.training.distribution import STRATEGIES, Distribution, LostWorkerError
from semreg_tf.training.trainer import NonFiniteLossError

# Whose message is for the user.
PLAIN_ERRORS = (NonFiniteLossError, LostWorkerError)

_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "none",
    STRATEGIES,
    "Who shares a step: mirrored, all GPUs here; multi_worker_mirrored, the processes that each "
    "one's TF_CONFIG names, on one work directory; tpu, the TPU attached to this machine "
    "(untested). The batch size is that of all together.",
)
_PROFILE = flags.DEFINE_list(
    "profile", [], "FIRST,LAST: TensorBoard gets a trace of these steps, such as 100,110."
)


def trainer_arguments() -> dict[str, Any]:
    """Returns the trainer's `distribution` and `profile`.

    It must be called before TensorFlow runs anything.

    Raises:
      ValueError: a flag cannot be used.
    """
    profile = None
    if _PROFILE.value:
        try:
            first, last = map(int, _PROFILE.value)
        except ValueError:
            raise ValueError(
                "`--profile` must be two steps, such as 100,110. "
                f"Received: --profile={','.join(_PROFILE.value)}"
            ) from None
        profile = (first, last)
    return {"distribution": Distribution(_STRATEGY.value), "profile": profile}
