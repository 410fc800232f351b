"""What a person watching sees: a progress bar and TensorBoard's summaries."""

import contextlib
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

logger = logging.getLogger(__name__)
LOG_EVERY_STEPS = 20


class Monitor:
    """Means of the step's scalars, shown and written every few steps.

    Args:
      workdir: the run's folder, summaries go to `logs/`; None: nothing is shown or written.
      name: shown before the bar.
      first_step: where the run begins.
      last_step: where it ends.
      batch_size: examples a step, for the rate.
      unit: what an example is, for the rate's name.
    """

    def __init__(
        self,
        workdir: Path | None,
        name: str,
        first_step: int,
        last_step: int,
        batch_size: int,
        unit: str = "images",
    ) -> None:
        self._writer = tf.summary.create_noop_writer()
        if workdir is not None:
            self._writer = tf.summary.create_file_writer(str(workdir / "logs"))
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            desc=name,
            unit="step",
            mininterval=1.0,
            dynamic_ncols=True,
            disable=workdir is None,
        )
        self._batch_size, self._unit = batch_size, unit
        self._sums: dict[str, list[float]] = {}
        self._waited, self._count = 0.0, 0
        self._since = time.perf_counter()

    def step(self, step: int, logs: dict[str, float], waited_secs: float) -> None:
        """Takes one step's scalars and the time it waited for input."""
        for name, value in logs.items():
            self._sums.setdefault(name, []).append(value)
        self._waited += waited_secs
        self._count += 1
        self._bar.update(1)
        if step % LOG_EVERY_STEPS == 0:
            self.flush(step)

    def flush(self, step: int) -> None:
        """Writes the means since the last flush."""
        if not self._sums:
            return
        now = time.perf_counter()
        elapsed, count = max(now - self._since, 1e-9), self._count
        means = {name: float(np.mean(values)) for name, values in self._sums.items()}
        words = means.pop("num_words", 0.0)
        means[f"{self._unit}_per_sec"] = count * self._batch_size / elapsed
        means["share_waiting_for_input"] = self._waited / elapsed
        if words:
            means["tokens_per_sec"] = words * count / elapsed
        self._bar.set_postfix(loss=f"{means['loss']:.3f}", refresh=False)
        self.scalars(step, means)
        self._sums, self._waited, self._count, self._since = {}, 0.0, 0, now

    @contextlib.contextmanager
    def summaries(self) -> Iterator[None]:
        """Lets `tf.summary` write to this run's log within the block.

        Raises:
          OSError: the log cannot be written.
        """
        try:
            with self._writer.as_default():
                yield
            self._writer.flush()
        except tf.errors.OpError as error:
            why = re.sub(r"\{\{.*?\}\} ", "", error.message).splitlines()[0]
            raise OSError(f"TensorBoard's log cannot be written: {why}") from error

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Writes scalars to TensorBoard."""
        with self.summaries():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    def say(self, message: str) -> None:
        """Prints a line without breaking the bar."""
        tqdm.write(message)

    def restart_clock(self) -> None:
        """Leaves what happened between two steps, such as a validation, out of the rate."""
        self._since = time.perf_counter()

    def close(self, step: int) -> None:
        """Writes what is left and closes bar and writer."""
        self._bar.close()
        try:
            self.flush(step)
            self._writer.close()
        except (OSError, tf.errors.OpError) as error:
            # What stopped the run may be what stops the log: it must not hide the first error.
            logger.warning("%s", str(error).splitlines()[0])
