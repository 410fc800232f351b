"""Answers the bodies of requests; it does not depend on HTTP."""

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
from semreg_tf.serving.pictures import check_picture, picture_pixels
from semreg_tf.serving.plain_answer import plain_answer
from semreg_tf.serving.predict_format import PredictRequest, parse, render
from semreg_tf.serving.reader_pool import ReaderPool
from semreg_tf.serving.served_model import PICTURES, ServedModel
from semreg_tf.serving.uploads import Upload, chosen_models, request_of, requests_of

# Longest time to wait for the inference thread on closing.
_END_SECS = 5.0
_BAD_PICTURE = 422
# Share of a picture's longest queueing time within which reading it must begin.
_READING_SHARE = 0.5
# Larger bodies are parsed on the thread for large work, so that they do not delay small ones.
_LARGE_BODY_BYTES = 2**20
_LARGE_NICENESS = 10
# Memory of a number in a Python list.
_BYTES_A_NUMBER = 32


class Service:
    """Models with one queue and one inference thread.

    Requests are parsed and pictures checked on a thread pool, large ones on a separate thread of
    low priority. Clients take turns at each.

    Raises:
      ValueError: there is no model, or two have the same name.
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
                "`models` must be at least one, with distinct names. "
                f"Received: models={[model.name for model in models]}"
            )
        self.limits, self.rules = limits or Limits(), rules or BatchRules()
        self.draining = False
        self.intake = Intake(self.limits)
        self.metrics = Metrics(lambda: self.batcher.depth, lambda: self.intake.requests)
        self.batcher = Batcher(
            self._run, self.rules, self.limits.max_queue_images, self.metrics.count_batch
        )
        self._readers = ReaderPool(os.cpu_count() or 1, "pictures")
        self._large_readers = ReaderPool(1, "large-pictures", _LARGE_NICENESS)

    def start(self) -> None:
        """Starts the inference thread."""
        self.batcher.start()

    def close(self) -> None:
        """Answers waiting rows for a few seconds at most, and ends the threads."""
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
          model: the model to run.
          body: the request's body; its data is freed as soon as it is parsed.
          client: the sender of the request.
          read_upload: parses a body that is a picture or a form; None: the body is TensorFlow
            Serving's JSON.

        Raises:
          Refusal: the request is invalid, or the server is busy.
        """

        def read(data: bytearray) -> tuple[list[ServedModel], list[PredictRequest]]:
            if read_upload is None:
                return [model], [parse(data, model.signatures, self.limits)]
            upload = read_upload(data)
            if upload.models:
                raise Refusal(400, f"The URL already names the model, {model.name!r}.")
            return [model], [request_of(upload, model)]

        _, (request,), answers = await self._answer(read, body, client or Client())
        return render(request, answers[0])

    async def annotate(
        self,
        body: Body,
        read_upload: Callable[[bytearray], Upload],
        client: Client | None = None,
    ) -> dict[str, Any]:
        """Returns the answers to one picture by model, of all models or those the upload names.

        Raises:
          Refusal: the request is invalid, or the server is busy.
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
        """Runs one model on many pictures, or several models on the same pictures.

        `read` parses the body into models and their requests, all of the same pictures.

        Returns:
          The models, the request to each, and each model's answers: outputs or a `Refusal` per row.
        """
        since = time.monotonic()
        readers = self._readers_of(len(body.data) > _LARGE_BODY_BYTES)
        models, requests, sizes = await asyncio.wrap_future(
            readers.submit(client, self._read, read, body.data, since)
        )
        body.data = bytearray()
        body.hold(sum(map(_num_bytes, requests[0].rows)))
        checked = await self._check(requests[0], sizes, client, since)
        rows_by_model = [
            [
                Row((model.name, request.signature), {**row, **check[0]}, check[1], since, client)
                if isinstance(check, tuple)
                else check
                for row, check in zip(request.rows, checked, strict=True)
            ]
            for model, request in zip(models, requests, strict=True)
        ]
        # All models share the same bytes.
        body.hold(sum(_num_bytes(row.value) for row in rows_by_model[0] if isinstance(row, Row)))
        to_run = [row for rows in rows_by_model for row in rows if isinstance(row, Row)]
        outputs = iter(await _all(self.batcher.submit(to_run)))
        answers = [
            [next(outputs) if isinstance(row, Row) else row for row in rows]
            for rows in rows_by_model
        ]
        flat = list(itertools.chain(*answers))
        _raise_failures(flat)
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
        """Returns models, their requests, and the number of pixels in each picture's header."""
        self._check_time(since)
        models, requests = read(data)
        sizes = [picture_pixels(row.get(PICTURES, b"")) for row in requests[0].rows]
        # A picture over the limit of one picture is refused alone, before it is decoded.
        total = sum(size for size in sizes if size <= self.limits.max_image_pixels)
        if total > self.limits.max_request_pixels:
            raise Refusal(
                413,
                f"The request's pictures have {total:,} pixels together; at most "
                f"{self.limits.max_request_pixels:,} are allowed: send fewer pictures at a time.",
            )
        return models, requests, sizes

    async def _check(
        self, request: PredictRequest, sizes: Sequence[int], client: Client, since: float
    ) -> list[Any]:
        """Checks the pictures of a request by decoding them.

        Returns:
          For each row a dict that replaces its picture and the number of pixels, or a `Refusal`.
        """
        checks: list[Future] = []
        for row, size in zip(request.rows, sizes, strict=True):
            if PICTURES in row:
                readers = self._readers_of(size > self.rules.large_pixels)
                checks.append(readers.submit(client, self._check_picture, row[PICTURES], since))
            else:
                checks.append(_done(({}, 0)))
        checked = await _all(checks)
        _raise_failures(checked)
        return checked

    def _check_picture(self, data: bytes, since: float) -> tuple[dict[str, bytes], int]:
        self._check_time(since)
        data, pixels = check_picture(data, self.limits.max_image_pixels)
        return {PICTURES: data}, pixels

    def _check_time(self, since: float) -> None:
        # Otherwise a busy server would read pictures only to refuse them afterwards.
        if time.monotonic() - since > _READING_SHARE * self.rules.max_queue_secs:
            raise self.batcher.too_late()

    def _run(self, key: tuple[str, str], values: list[Any]) -> Sequence[Any]:
        name, signature = key
        return self.models[name].predict(signature, values)


async def _all(futures: Sequence[Future]) -> list[Any]:
    """Returns the results or exceptions; cancelling it cancels the calls that wait."""
    return await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)


def _raise_failures(answers: Sequence[Any]) -> None:
    """Raises the first exception that is not the refusal of a single picture."""
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
