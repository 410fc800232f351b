"""What a person watching sees: a progress bar and TensorBoard scalars."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

LOG_EVERY_STEPS = 20


class Monitor:
    """Means of the step's scalars, shown and written every few steps.

    Args:
      workdir: the run's folder; scalars go to `logs/`.
      name: shown before the bar.
      first_step: where the run begins.
      last_step: where it ends.
      batch_size: examples a step, for the rate.
    """

    def __init__(
        self, workdir: Path, name: str, first_step: int, last_step: int, batch_size: int
    ) -> None:
        self._writer = tf.summary.create_file_writer(str(workdir / "logs"))
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            desc=name,
            unit="step",
            mininterval=1.0,
            dynamic_ncols=True,
        )
        self._batch_size = batch_size
        self._sums: dict[str, list[float]] = {}
        self._waited = 0.0
        self._since = time.perf_counter()

    def step(self, step: int, logs: dict[str, float], waited_secs: float) -> None:
        """Takes one step's scalars and the time it waited for input."""
        for name, value in logs.items():
            self._sums.setdefault(name, []).append(value)
        self._waited += waited_secs
        self._bar.update(1)
        if step % LOG_EVERY_STEPS == 0:
            self.flush(step)

    def flush(self, step: int) -> None:
        """Writes the means since the last flush."""
        if not self._sums:
            return
        now = time.perf_counter()
        elapsed, count = max(now - self._since, 1e-9), len(next(iter(self._sums.values())))
        means = {name: float(np.mean(values)) for name, values in self._sums.items()}
        words = means.pop("num_words", 0.0)
        means["examples_per_sec"] = count * self._batch_size / elapsed
        means["share_waiting_for_input"] = self._waited / elapsed
        if words:
            means["words_per_sec"] = words * count / elapsed
        self._bar.set_postfix(loss=f"{means['loss']:.3f}", refresh=False)
        self.scalars(step, means)
        self._sums, self._waited, self._since = {}, 0.0, now

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Writes scalars to TensorBoard."""
        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
        self._writer.flush()

    def text(self, step: int, name: str, lines: list[str]) -> None:
        """Writes lines of text to TensorBoard."""
        with self._writer.as_default():
            tf.summary.text(name, tf.constant("\n\n".join(lines)), step=step)

    def say(self, message: str) -> None:
        """Prints a line without breaking the bar."""
        tqdm.write(message)

    def restart_clock(self) -> None:
        """Leaves what happened between two steps, such as a validation, out of the rate."""
        self._since = time.perf_counter()

    def close(self) -> None:
        """Closes bar and writer."""
        self._bar.close()
        self._writer.close()


def history_line(step: int, elapsed_secs: float, values: dict[str, Any]) -> dict[str, Any]:
    """Returns one row of `history.jsonl`, from which the report draws its curves."""
    return {"step": step, "elapsed_secs": round(elapsed_secs, 3), **values}
