"""From the bytes of a predict request to its answer; knows nothing of HTTP."""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from semreg_tf.serving.batching import Batcher, BatchRules, Row
from semreg_tf.serving.intake import Intake
from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.metrics import Metrics
from semreg_tf.serving.pictures import check_picture
from semreg_tf.serving.predict_format import PredictRequest, parse, render
from semreg_tf.serving.served_model import PICTURES, ServedModel

# Whatever still runs when the server closes has nobody left to answer.
_END_SECS = 5.0
_BAD_PICTURE = 422
# Of the time that a picture may wait, the part in which its reading must begin.
_READING_SHARE = 0.5


class Service:
    """Models behind one queue and one inference thread.

    Pictures are checked and read through on a few threads of their own, so that a large request
    holds up no other.

    Args:
      models: at least one, of different names.
      limits: what is taken.
      rules: when a batch starts.

    Raises:
      ValueError: two models of one name.
    """

    def __init__(
        self,
        models: Sequence[ServedModel],
        limits: Limits | None = None,
        rules: BatchRules | None = None,
    ) -> None:
        self.models = {model.name: model for model in models}
        if not models or len(self.models) != len(models):
            raise ValueError(
                "`models` must be at least one, and no two of one name. "
                f"Received: models={[model.name for model in models]}"
            )
        self.limits, self.rules = limits or Limits(), rules or BatchRules()
        self.draining = False
        self.intake = Intake(self.limits)
        self.batcher = Batcher(
            self._run, self.rules, self.limits.max_queue_images, self._count_batch
        )
        self.metrics = Metrics(lambda: self.batcher.depth, lambda: self.intake.requests)
        self._readers = ThreadPoolExecutor(os.cpu_count() or 1, "pictures")

    def start(self) -> None:
        """Starts the inference thread."""
        self.batcher.start()

    def close(self) -> None:
        """Ends the threads; what waits is answered if it takes a few seconds only."""
        self.draining = True
        self.batcher.close(_END_SECS)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def predict(self, model: ServedModel, body: bytes | bytearray) -> Any:
        """Returns the answer to a predict request as a JSON value.

        Raises:
          Refusal: what was wrong with it, or with the time it came at.
        """
        loop, since = asyncio.get_running_loop(), time.monotonic()
        request, rows = await loop.run_in_executor(self._readers, self._read, model, body, since)
        good = [row for row in rows if isinstance(row, Row)]
        futures = map(asyncio.wrap_future, self.batcher.submit(good))
        found = iter(await asyncio.gather(*futures, return_exceptions=True))
        answers = [next(found) if isinstance(row, Row) else row for row in rows]
        for answer in answers:
            # A refused picture has its place in the answer; a busy server or a failure has not.
            refused = isinstance(answer, Refusal) and answer.status == _BAD_PICTURE
            if isinstance(answer, BaseException) and not refused:
                raise answer
        num_refused = sum(isinstance(answer, Refusal) for answer in answers)
        self.metrics.count_images(len(answers) - num_refused, num_refused)
        return render(request, answers)

    def _read(
        self, model: ServedModel, body: bytes | bytearray, since: float
    ) -> tuple[PredictRequest, list[Row | Refusal]]:
        request = parse(body, model.signatures, self.limits.max_images)
        rows: list[Row | Refusal] = []
        for value in request.rows:
            # Else an overloaded server would read pictures only to refuse them afterwards.
            if time.monotonic() - since > _READING_SHARE * self.rules.max_queue_secs:
                raise self.batcher.too_late()
            try:
                pixels = 0
                if PICTURES in value:
                    data, pixels = check_picture(value[PICTURES], self.limits.max_image_pixels)
                    value = {**value, PICTURES: data}
                rows.append(Row((model.name, request.signature), value, pixels, since))
            except Refusal as refusal:
                rows.append(refusal)
        return request, rows

    def _run(self, key: tuple[str, str], values: list[Any]) -> Sequence[Any]:
        name, signature = key
        return self.models[name].predict(signature, values)

    def _count_batch(self, num_images: int, secs: float) -> None:
        self.metrics.count_batch(num_images, secs)
