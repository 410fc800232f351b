"""The routes of the server: TensorFlow Serving's REST API, health, metrics and the web page."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semreg_tf.serving.fair_queue import Client
from semreg_tf.serving.guard import Guard
from semreg_tf.serving.intake import Body
from semreg_tf.serving.limits import Refusal
from semreg_tf.serving.openapi import describe_api
from semreg_tf.serving.page import PAGE_HEADERS, page
from semreg_tf.serving.served_model import ServedModel
from semreg_tf.serving.service import Service
from semreg_tf.serving.uploads import Upload, reader_of_upload

_MODEL = "/v1/models/{model}"
# nginx's status of a request whose client disconnected; it appears only in the metrics.
_CLIENT_GONE = 499
_VERSION = "/versions/{version:int}"


def create_app(
    service: Service, examples: Mapping[str, Path] | None = None, guard: Guard | None = None
) -> Starlette:
    """Returns the server as an ASGI application.

    Args:
      service: the models; the application starts and closes it.
      examples: files of the page's example pictures, by name.
      guard: checks the Host and Origin headers; None: any host, no other site's pages.
    """
    guard = guard or Guard()
    handlers = _Handlers(service, examples or {})

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        service.close()

    app = Starlette(
        routes=[
            Route("/", handlers.page),
            Route("/examples/{name}", handlers.example),
            Route("/healthz", handlers.health),
            Route("/metrics", handlers.metrics),
            Route("/openapi.json", handlers.openapi),
            Route("/annotate", handlers.annotate, methods=["POST"]),
            *(
                Route(_MODEL + version + path, endpoint, methods=[method])
                for version in ("", _VERSION)
                for path, endpoint, method in (
                    (":predict", handlers.predict, "POST"),
                    ("/metadata", handlers.metadata, "GET"),
                    ("/card", handlers.card, "GET"),
                    ("", handlers.status, "GET"),
                )
            ),
        ],
        exception_handlers={
            Refusal: _answer_refusal,
            HTTPException: _answer_http_error,
            ClientDisconnect: _answer_disconnected,
            Exception: _answer_failure,
        },
        lifespan=lifespan,
    )
    app.add_middleware(_GuardMiddleware, service=service, guard=guard)
    if guard.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(guard.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
        )
    app.add_middleware(_CountingMiddleware, service=service)
    return app


class _Handlers:
    def __init__(self, service: Service, examples: Mapping[str, Path]) -> None:
        self._service, self._examples = service, examples
        self._page = page(service, list(examples))
        self._openapi = describe_api(service)

    async def page(self, request: Request) -> Response:
        return Response(self._page, headers=PAGE_HEADERS, media_type="text/html")

    async def example(self, request: Request) -> Response:
        path = self._examples.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404, "There is no such example.")
        return FileResponse(path, headers={"Cache-Control": "max-age=3600"})

    async def health(self, request: Request) -> Response:
        self._check_not_draining()
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        metrics = self._service.metrics
        return Response(metrics.text(), headers={"Content-Type": metrics.content_type})

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(self._openapi)

    async def status(self, request: Request) -> Response:
        model = self._model(request)
        state = {
            "version": str(model.version),
            "state": "UNLOADING" if self._service.draining else "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return JSONResponse({"model_version_status": [state]})

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(self._model(request).metadata())

    async def card(self, request: Request) -> Response:
        path = self._model(request).card()
        if path is None:
            raise HTTPException(404, "The model has no card.")
        return FileResponse(path, media_type="text/plain; charset=utf-8")

    async def predict(self, request: Request) -> Response:
        def answer(body: Body, client: Client) -> Coroutine[Any, Any, Any]:
            model, upload = self._model(request), self._upload(request)
            return self._service.predict(model, body, client, upload)

        return await self._respond(request, lambda: self._model(request), answer)

    async def annotate(self, request: Request) -> Response:
        def check() -> None:
            if self._upload(request) is None:
                kind = request.headers.get("content-type", "")
                raise Refusal(
                    415,
                    "The Content-Type must be a picture's, as image/jpeg, or that of a form, as "
                    f"curl -F file=@photo.jpg sends. Received: {kind[:60]!r}",
                )

        def answer(body: Body, client: Client) -> Coroutine[Any, Any, Any]:
            return self._service.annotate(body, self._upload(request), client)

        return await self._respond(request, check, answer)

    def _check_not_draining(self) -> None:
        if self._service.draining:
            raise Refusal(503, "The server is stopping.")

    def _upload(self, request: Request) -> Callable[[bytearray], Upload] | None:
        kind = request.headers.get("content-type", "")
        return reader_of_upload(kind, request.query_params.multi_items(), self._service.limits)

    async def _respond(
        self,
        request: Request,
        check: Callable[[], Any],
        answer: Callable[[Body, Client], Coroutine[Any, Any, Any]],
    ) -> Response:
        """Reads a body and returns its answer; `check` refuses bodies that need not be read."""
        intake, chunks = self._service.intake, request.stream()
        try:
            self._check_not_draining()
            check()
            client = Client(*request.client) if request.client else Client()
            self._service.batcher.check_room(client.peer)
            declared = request.headers.get("content-length", "")
            declared_bytes = int(declared) if declared.isdecimal() else None
            async with intake.body(chunks, declared_bytes) as body:
                # The server may have begun to stop while the body arrived.
                self._check_not_draining()
                with intake.request():
                    return JSONResponse(await _unless_disconnected(request, answer(body, client)))
        except (Refusal, HTTPException):
            await intake.discard(chunks)
            raise

    def _model(self, request: Request) -> ServedModel:
        model = self._service.models.get(request.path_params["model"])
        if model is None or request.path_params.get("version", model.version) != model.version:
            known = [f"{m.name}, version {m.version}" for m in self._service.models.values()]
            raise HTTPException(404, f"No such model or version. Known: {'; '.join(known)}.")
        return model


async def _unless_disconnected(request: Request, answer: Coroutine[Any, Any, Any]) -> Any:
    """Returns an answer; cancels it if the client disconnects first."""
    answering = asyncio.ensure_future(answer)
    # After the body, the next message is the disconnection.
    disconnecting = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((answering, disconnecting), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        answering.cancel()
        disconnecting.cancel()


async def _answer_refusal(request: Request, refusal: Refusal) -> Response:
    # The unread rest of a body would be parsed as the next request.
    close = {"Connection": "close"} if refusal.status in (408, 413, 415, 503) else {}
    headers = {**refusal.headers, **close}
    return JSONResponse({"error": refusal.reason}, refusal.status, headers)


async def _answer_http_error(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _answer_disconnected(request: Request, error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _answer_failure(request: Request, error: Exception) -> Response:
    reason = f"The model failed: {type(error).__name__}. See the server's log."
    return JSONResponse({"error": reason}, 500)


class _GuardMiddleware:
    """Refuses requests that the guard does not allow."""

    def __init__(self, app: ASGIApp, service: Service, guard: Guard) -> None:
        self._app, self._intake, self._guard = app, service.intake, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http":
                self._guard.check(scope["method"], Headers(scope=scope))
        except Refusal as refusal:
            request = Request(scope, receive)
            with contextlib.suppress(ClientDisconnect):
                await self._intake.discard(request.stream())
                await (await _answer_refusal(request, refusal))(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _CountingMiddleware:
    """Counts answered requests by route and status."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._metrics = app, service.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, code = time.perf_counter(), 500

        async def record_status(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, record_status)
        finally:
            route = getattr(scope.get("endpoint"), "__name__", "other")
            self._metrics.count_request(route, code, time.perf_counter() - started)
