"""From the bytes of a predict request to its answer; knows nothing of HTTP."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from semreg_tf.serving.batching import Batcher, BatchRules, Row
from semreg_tf.serving.fair_queue import Client
from semreg_tf.serving.intake import Body, Intake
from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.metrics import Metrics
from semreg_tf.serving.picture_size import picture_pixels
from semreg_tf.serving.pictures import check_picture
from semreg_tf.serving.plain_answer import plain_answer
from semreg_tf.serving.predict_format import PredictRequest, parse, render
from semreg_tf.serving.reader_pool import ReaderPool
from semreg_tf.serving.served_model import PICTURES, ServedModel
from semreg_tf.serving.uploads import Upload, chosen_models, request_of, requests_of

# Whatever still runs when the server closes has nobody left to answer.
_END_SECS = 5.0
_BAD_PICTURE = 422
# Of the time that a picture may wait, the part in which its reading must begin.
_READING_SHARE = 0.5
# A body of more is parsed, and a picture of many pixels unpacked, where it holds up no small one.
_LARGE_BODY_BYTES = 2**20
_LARGE_NICENESS = 10
# What Python takes for a number of a list.
_BYTES_A_NUMBER = 32


class Service:
    """Models behind one queue and one inference thread.

    Requests are parsed, and pictures checked and read through, on a few threads of their own, large
    ones on one that gives way to all others; clients take turns at each.

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
        self._readers = ReaderPool(os.cpu_count() or 1, "pictures")
        self._large_readers = ReaderPool(1, "large-pictures", _LARGE_NICENESS)

    def start(self) -> None:
        """Starts the inference thread."""
        self.batcher.start()

    def close(self) -> None:
        """Ends the threads; what waits is answered if it takes a few seconds only."""
        self.draining = True
        self.batcher.close(_END_SECS)
        self._readers.close()
        self._large_readers.close()

    async def predict(
        self,
        model: ServedModel,
        body: Body,
        client: Client | None = None,
        read_upload: Callable[[bytearray], Upload] | None = None,
    ) -> Any:
        """Returns the answer to a predict request as a JSON value.

        Args:
          model: the one that is asked.
          body: of the request; it is let go of as soon as it is parsed.
          client: whose request it is.
          read_upload: reads a body that is a picture or a form; None: it is TensorFlow Serving's
            JSON.

        Raises:
          Refusal: what was wrong with it, or with the time it came at.
        """

        def read(data: bytearray) -> tuple[list[ServedModel], list[PredictRequest]]:
            if read_upload is None:
                return [model], [parse(data, model.signatures, self.limits)]
            upload = read_upload(data)
            if upload.models:
                raise Refusal(400, f"The address names the model already, {model.name!r}.")
            return [model], [request_of(upload, model)]

        _, (request,), answers = await self._answer(read, body, client or Client())
        return render(request, answers[0])

    async def annotate(
        self,
        body: Body,
        read_upload: Callable[[bytearray], Upload],
        client: Client | None = None,
    ) -> dict[str, Any]:
        """Returns what all models, or those that the upload names, say of one picture.

        Args:
          body: of the request; it is let go of as soon as it is parsed.
          read_upload: reads the body.
          client: whose request it is.

        Raises:
          Refusal: what was wrong with it, or with the time it came at.
        """

        def read(data: bytearray) -> tuple[list[ServedModel], list[PredictRequest]]:
            upload = read_upload(data)
            chosen = chosen_models(upload, self.models)
            return chosen, requests_of(upload, chosen)

        models, _, answers = await self._answer(read, body, client or Client())
        first = answers[0][0]
        if isinstance(first, Refusal):
            raise first
        return {
            model.name: plain_answer(model.info, rows[0])
            for model, rows in zip(models, answers, strict=True)
        }

    async def _answer(
        self,
        read: Callable[[bytearray], tuple[list[ServedModel], list[PredictRequest]]],
        body: Body,
        client: Client,
    ) -> tuple[list[ServedModel], list[PredictRequest], list[list[Any]]]:
        """Asks one model about many pictures, or several about the same ones.

        Args:
          read: takes the body apart; of several requests the rows are of the same pictures.
          body: of the request.
          client: whose request it is.

        Returns:
          The models, what each was asked, and its answers, outputs or a `Refusal` a row.
        """
        since = time.monotonic()
        readers = self._readers_of(len(body.data) > _LARGE_BODY_BYTES)
        models, requests, sizes = await asyncio.wrap_future(
            readers.submit(client, self._read, read, body.data, since)
        )
        body.data = bytearray()
        body.hold(sum(map(_num_bytes, requests[0].rows)))
        checked = await self._check(requests[0], sizes, client, since)
        asked = [
            [
                Row((model.name, request.signature), {**row, **found[0]}, found[1], since, client)
                if isinstance(found, tuple)
                else found
                for row, found in zip(request.rows, checked, strict=True)
            ]
            for model, request in zip(models, requests, strict=True)
        ]
        # The same bytes for each model.
        body.hold(sum(_num_bytes(row.value) for row in asked[0] if isinstance(row, Row)))
        good = [row for rows in asked for row in rows if isinstance(row, Row)]
        answered = iter(await _all(self.batcher.submit(good)))
        answers = [
            [next(answered) if isinstance(row, Row) else row for row in rows] for rows in asked
        ]
        flat = list(itertools.chain(*answers))
        _raise_unless_answers(flat)
        num_refused = sum(isinstance(answer, Refusal) for answer in flat)
        self.metrics.count_images(len(flat) - num_refused, num_refused)
        return models, requests, answers

    def _readers_of(self, large: bool) -> ReaderPool:
        return self._large_readers if large else self._readers

    def _read(
        self,
        read: Callable[[bytearray], tuple[list[ServedModel], list[PredictRequest]]],
        data: bytearray,
        since: float,
    ) -> tuple[list[ServedModel], list[PredictRequest], list[int]]:
        """Returns models, their requests, and the pixels of the pictures, by their headers."""
        self._check_time(since)
        models, requests = read(data)
        sizes = [picture_pixels(row.get(PICTURES, b"")) for row in requests[0].rows]
        # One that is too large by itself is refused by itself, unread.
        total = sum(size for size in sizes if size <= self.limits.max_image_pixels)
        if total > self.limits.max_request_pixels:
            raise Refusal(
                413,
                f"The request's pictures have {total:,} pixels together; at most "
                f"{self.limits.max_request_pixels:,} are taken: send fewer at a time.",
            )
        return models, requests, sizes

    async def _check(
        self, request: PredictRequest, sizes: Sequence[int], client: Client, since: float
    ) -> list[Any]:
        """Reads the pictures of a request through.

        Returns:
          For each row the values that take the places of its own, and its pixels; or a `Refusal`.
        """
        checks: list[Future] = []
        for row, size in zip(request.rows, sizes, strict=True):
            if PICTURES in row:
                readers = self._readers_of(size > self.rules.large_pixels)
                checks.append(readers.submit(client, self._check_picture, row[PICTURES], since))
            else:
                checks.append(_done(({}, 0)))
        checked = await _all(checks)
        _raise_unless_answers(checked)
        return checked

    def _check_picture(self, data: bytes, since: float) -> tuple[dict[str, bytes], int]:
        self._check_time(since)
        data, pixels = check_picture(data, self.limits.max_image_pixels)
        return {PICTURES: data}, pixels

    def _check_time(self, since: float) -> None:
        # Else an overloaded server would read pictures only to refuse them afterwards.
        if time.monotonic() - since > _READING_SHARE * self.rules.max_queue_secs:
            raise self.batcher.too_late()

    def _run(self, key: tuple[str, str], values: list[Any]) -> Sequence[Any]:
        name, signature = key
        return self.models[name].predict(signature, values)

    def _count_batch(self, num_images: int, secs: float) -> None:
        self.metrics.count_batch(num_images, secs)


async def _all(futures: Sequence[Future]) -> list[Any]:
    """Returns the results or exceptions; cancelling it cancels those that have not begun."""
    return await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)


def _raise_unless_answers(answers: Sequence[Any]) -> None:
    """A refused picture has its place in the answer; a busy server or a failure has not."""
    for answer in answers:
        refused = isinstance(answer, Refusal) and answer.status == _BAD_PICTURE
        if isinstance(answer, BaseException) and not refused:
            raise answer


def _done(result: Any) -> Future:
    future: Future = Future()
    future.set_result(result)
    return future


def _num_bytes(row: dict[str, Any]) -> int:
    return sum(
        len(value) * (_BYTES_A_NUMBER if isinstance(value, list) else 1) for value in row.values()
    )
