"""A TensorBoard trace of some steps."""

from pathlib import Path

import tensorflow as tf


class StepProfiler:
    """Traces the steps from `first` to `last`, exclusive, into TensorBoard's folder.

    Args:
      steps: (first, last), or None: nothing is traced.
      folder: TensorBoard's; the trace goes to `plugins/profile` below it.

    Raises:
      ValueError: the steps are no range.
    """

    def __init__(self, steps: tuple[int, int] | None, folder: Path) -> None:
        if steps is not None and not 0 <= steps[0] < steps[1]:
            raise ValueError(
                f"`profile` must be two rising steps, such as 100,110. Received: profile={steps}"
            )
        self._steps, self._folder = steps, folder
        self._running = False

    def before_step(self, step: int) -> None:
        """Starts or ends the trace where it is due."""
        if self._steps is None:
            return
        if not self._running and self._steps[0] <= step < self._steps[1]:
            tf.profiler.experimental.start(str(self._folder))
            self._running = True
        elif self._running and step >= self._steps[1]:
            self.stop()

    def stop(self) -> None:
        """Writes the trace, if one is running."""
        if self._running:
            tf.profiler.experimental.stop()
            self._running = False
