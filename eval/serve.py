"""Serves exported models over HTTP: a web page to try them, and TensorFlow Serving's REST API.

  python -m eval.serve --model=runs/export --port=8501

Then open http://127.0.0.1:8501/ in a browser, or send a request from a program:

  (printf '{"instances": [{"b64": "'; base64 -w0 photo.jpg; printf '"}]}') |
    curl -d @- http://127.0.0.1:8501/v1/models/export:predict

Latency: when the model is idle, a picture waits at most --max_wait_ms for others to share its
batch. If its batch does not start within --max_queue_secs of the request's arrival, or the queue is
full, the answer is 429. The time of a batch is printed at the start. See docs/serving.md.
"""

import math
import sys
from pathlib import Path

from absl import flags

from cli import program
from semreg_tf import console
from semreg_tf.files.export_info import check_is_export
from semreg_tf.serving.limits import MEBIBYTE, Limits

_MODELS = flags.DEFINE_multi_string(
    "model",
    None,
    "Folder of an exported model, or NAME=FOLDER; repeatable, for a captioner and a tagger on one "
    "page.",
    required=True,
)
_HOST = flags.DEFINE_string(
    "host", "127.0.0.1", "Address to serve on; 0.0.0.0 for all network interfaces."
)
_PORT = flags.DEFINE_integer("port", 8501, "Port; 0 picks a free one.", 0, 65535)
_EXAMPLES = flags.DEFINE_string(
    "examples", None, "Folder of example pictures for the page. [the export's examples]"
)
_MAX_BATCH = flags.DEFINE_integer(
    "max_batch_images", 16, "Largest number of pictures in a batch of the model.", 1
)
_MAX_WAIT = flags.DEFINE_float(
    "max_wait_ms", 10.0, "Longest wait of a picture for others to share its batch, in ms.", 0.0
)
_MAX_QUEUE_SECS = flags.DEFINE_float(
    "max_queue_secs", 10.0, "Longest wait for a batch to start, else the answer is 429.", 0.0
)
_MAX_QUEUE = flags.DEFINE_integer(
    "max_queue_images", 256, "Largest number of waiting pictures, else 429.", 1
)
_MAX_IMAGES = flags.DEFINE_integer(
    "max_images", 64, "Largest number of pictures in one request, else 413.", 1
)
_MAX_BODY = flags.DEFINE_float("max_body_mb", 32.0, "Largest body in MiB, else 413.", 0.001)
_MAX_REQUEST_PIXELS = flags.DEFINE_float(
    "max_request_megapixels",
    100.0,
    "Largest number of megapixels of all pictures in one request, else 413.",
    0.001,
)
_MAX_USER_TAGS = flags.DEFINE_integer(
    "max_user_tags", 256, "Largest number of user tags of a picture, else 400.", 1
)
_MAX_CONNECTIONS = flags.DEFINE_integer(
    "max_connections",
    1000,
    "Largest number of open connections; lower if the limit on open files (ulimit -n) is.",
    1,
)
_HEADER_SECS = flags.DEFINE_float(
    "header_secs", 10.0, "Longest time for a request's header to arrive, else 408.", 1.0
)
_BODY_SECS = flags.DEFINE_float(
    "body_secs", 30.0, "Longest time for a body to arrive, else 408.", 1.0
)
_IDLE_SECS = flags.DEFINE_float(
    "idle_secs", 15.0, "Seconds after which a connection without a request is closed.", 1.0
)
_HOSTS = flags.DEFINE_list(
    "allowed_hosts",
    [],
    "Host names to accept besides localhost; requests for others are refused (421). Without this "
    "flag, a server on a loopback address accepts only localhost, and another one any name.",
)
_ORIGINS = flags.DEFINE_list(
    "allowed_origins",
    [],
    "Origins of other sites whose pages may use the server, as https://example.org; else 403.",
)
_MAX_PIXELS = flags.DEFINE_float(
    "max_megapixels", 25.0, "Largest number of megapixels of a picture, else 422.", 0.001
)
_DRAIN = flags.DEFINE_float(
    "drain_secs", 30.0, "Longest wait for running requests after SIGTERM.", 0.0
)


def main(_: list[str]) -> None:
    """Loads the models, warms them up and serves until a signal."""
    # Imported here so that --help and errors of flags do not wait for TensorFlow.
    with console.plain_errors():
        try:
            from semreg_tf.serving import memory, server
            from semreg_tf.serving.batching import BatchRules
            from semreg_tf.serving.examples import find_examples
            from semreg_tf.serving.guard import Guard
            from semreg_tf.serving.served_model import ServedModel
            from semreg_tf.serving.service import Service
        except ModuleNotFoundError as error:
            raise ValueError(
                f"The server needs the extra `serve`: pip install -e '.[serve]'. Received: {error}"
            ) from error
        memory.use_few_arenas()
        bound = server.bind(_HOST.value, _PORT.value)
        limits = _limits()
        guard = Guard.of(_HOST.value, _HOSTS.value, _ORIGINS.value)
        rules = BatchRules(_MAX_BATCH.value, _MAX_WAIT.value, max_queue_secs=_MAX_QUEUE_SECS.value)
        models = []
        for value in _MODELS.value:
            name, _, folder = value.rpartition("=") if not Path(value).exists() else ("", "", value)
            if not Path(folder).exists():
                check_is_export(folder, "model")
            models.append(ServedModel(folder, name or None))
        examples = find_examples(
            _EXAMPLES.value, models[0].path, limits.max_image_pixels, limits.max_body_bytes
        )
        service = Service(models, limits, rules)
        print("Warming up ...", file=sys.stderr)
        batch_secs = max(server.warm_up(model, rules.max_images) for model in models)
        running = server.make_server(
            service,
            examples,
            guard=guard,
            drain_secs=_DRAIN.value,
            on_started=lambda: print(f"Serving on {address}  (stop with Ctrl+C)", flush=True),
        )
    host, port = bound.getsockname()[:2]
    address = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    descriptions = ", ".join(
        f"{m.name} ({' and '.join(m.exported.tasks)}, version {m.version})" for m in models
    )
    print(f"Models: {descriptions}")
    print(
        f"A batch of {rules.max_images} took {1000 * batch_secs:.0f} ms; it starts within "
        f"{rules.max_wait_ms:g} ms when the model is idle and {rules.max_queue_secs:g} s when not."
    )
    running.run(sockets=[bound])
    print(
        "Stopped before every accepted request was answered."
        if running.cut
        else "Stopped; every accepted request was answered."
    )
    if running.stopped_by is not None:
        raise SystemExit(128 + running.stopped_by)


def _limits() -> Limits:
    max_body_bytes = math.ceil(_MAX_BODY.value * MEBIBYTE)
    return Limits(
        max_body_bytes=max_body_bytes,
        max_image_pixels=math.ceil(_MAX_PIXELS.value * 1e6),
        max_request_pixels=math.ceil(_MAX_REQUEST_PIXELS.value * 1e6),
        max_images=_MAX_IMAGES.value,
        max_user_tags=_MAX_USER_TAGS.value,
        max_queue_images=_MAX_QUEUE.value,
        max_held_bytes=max(8 * max_body_bytes, Limits.max_held_bytes),
        max_connections=_MAX_CONNECTIONS.value,
        header_secs=_HEADER_SECS.value,
        body_secs=_BODY_SECS.value,
        idle_secs=_IDLE_SECS.value,
    )


if __name__ == "__main__":
    program.run(main, stopped="Stopped before serving began.")
