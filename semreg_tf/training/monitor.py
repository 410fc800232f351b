"""The progress bar and TensorBoard summaries of training."""

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
    """Shows and writes the means of the steps' scalars every few steps.

    Args:
      workdir: the work directory, whose `logs/` get the summaries; None: no output.
      name: title of the progress bar.
      first_step: the first step.
      last_step: the last step.
      batch_size: examples per step.
      unit: plural name of an example, for the name of the rate.
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
            dynamic_ncols=True,
            disable=workdir is None,
        )
        self._batch_size, self._unit = batch_size, unit
        self._sums: dict[str, list[float]] = {}
        self._waited, self._count = 0.0, 0
        self._since = time.perf_counter()

    def step(self, step: int, logs: dict[str, float], waited_secs: float) -> None:
        """Adds one step's scalars and the time that it waited for input."""
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
        """Directs `tf.summary` to this run's log inside the context.

        Raises:
          OSError: the log cannot be written.
        """
        try:
            with self._writer.as_default():
                yield
            self._writer.flush()
        except tf.errors.OpError as error:
            reason = re.sub(r"\{\{.*?\}\} ", "", error.message).splitlines()[0]
            raise OSError(f"TensorBoard's log cannot be written: {reason}") from error

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Writes scalars to TensorBoard; beyond float32, as early perplexities may be, infinity."""
        with self.summaries(), np.errstate(over="ignore"):
            for name, value in values.items():
                tf.summary.scalar(name, np.asarray(value).astype(np.float32), step=step)

    def say(self, message: str) -> None:
        """Prints a line without breaking the bar."""
        tqdm.write(message)

    def restart_clock(self) -> None:
        """Excludes the time until now, such as that of a validation, from the rate."""
        self._since = time.perf_counter()

    def close(self, step: int) -> None:
        """Writes the remaining means and closes the bar and the writer."""
        self._bar.close()
        try:
            self.flush(step)
            self._writer.close()
        except (OSError, tf.errors.OpError) as error:
            # Only logged, so that it does not replace the error that stopped the run.
            logger.warning("%s", str(error).splitlines()[0])
