"""TensorBoard's profiler for a range of steps."""

from pathlib import Path

import tensorflow as tf


class StepProfiler:
    """Traces the steps from `first` up to, but not including, `last`.

    Args:
      steps: (first, last), or None: no trace.
      folder: TensorBoard's log folder; the trace is written to its `plugins/profile`.

    Raises:
      ValueError: the steps are not a range.
    """

    def __init__(self, steps: tuple[int, int] | None, folder: Path) -> None:
        if steps is not None and not 0 <= steps[0] < steps[1]:
            raise ValueError(
                "`profile` must be two increasing steps, such as 100,110. "
                f"Received: profile={steps}"
            )
        self._steps, self._folder = steps, folder
        self._running = False

    def before_step(self, step: int) -> None:
        """Starts or ends the trace if it is due at this step."""
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
