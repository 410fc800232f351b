"""The server's API as an OpenAPI document, for clients and code generators."""

from collections.abc import Mapping
from typing import Any

from semreg_tf._version import __version__
from semreg_tf.serving.openapi_schemas import SCHEMAS
from semreg_tf.serving.service import Service
from semreg_tf.serving.uploads import MODEL, USER_TAGS

_JSON = "application/json"
_REFUSALS = {
    400: "The request is malformed.",
    403: "A page of another site sent the request.",
    404: "There is no such model or version.",
    408: "The body took too long to arrive.",
    413: "The body, the number of pictures or their pixels exceed the limits.",
    415: "The body is neither a picture nor a form with one.",
    421: "The request is for another host.",
    422: "No picture of the request can be read.",
    429: "The server is busy; see Retry-After.",
    500: "The model failed on the picture.",
    503: "The server is stopping.",
}


def describe_api(service: Service) -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document as a JSON value, with the names of the served models."""
    names = list(service.models)
    paths: dict[str, Any] = {
        "/annotate": {"post": _annotate(names)},
        "/healthz": _get("Whether the server accepts requests.", _schema("Health"), 503),
        "/metrics": {"get": _operation("Metrics for Prometheus.", _text("text/plain"))},
        "/openapi.json": _get("The API as an OpenAPI document.", {"type": "object"}),
        "/": {"get": _operation("The web page.", _text("text/html"))},
        "/examples/{name}": {
            "get": _operation("An example picture of the web page.", _picture(), 404),
            "parameters": [_path_parameter("name", {"type": "string"})],
        },
    }
    model = _path_parameter("model", {"type": "string", "enum": names})
    version = _path_parameter("version", {"type": "integer"})
    for prefix, parameters in (
        ("/v1/models/{model}", [model]),
        ("/v1/models/{model}/versions/{version}", [model, version]),
    ):
        for ending, operations in {
            ":predict": {"post": _predict()},
            "": _get("Whether the model is available.", _schema("Status"), 404),
            "/metadata": _get("The model's signatures.", {"type": "object"}, 404),
            "/card": {"get": _operation("The model's card.", _text("text/plain"), 404)},
        }.items():
            paths[prefix + ending] = {"parameters": parameters, **operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "semreg_tf",
            "version": __version__,
            "description": "Captions and tags of pictures, by exported models. A body may have at "
            f"most {service.limits.max_body_bytes:,} bytes, a picture at most "
            f"{service.limits.max_image_pixels:,} pixels.",
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _annotate(names: list[str]) -> dict[str, Any]:
    return {
        **_operation(
            "Annotations of one picture by all models, or by those that are named.",
            {_JSON: {"schema": _schema("Answers")}},
            *_REFUSALS,
        ),
        "operationId": "annotate",
        "parameters": _query_parameters(names),
        "requestBody": {"required": True, "content": _uploads(names)},
    }


def _predict() -> dict[str, Any]:
    content = {_JSON: {"schema": _schema("Predict")}, **_uploads([])}
    return {
        **_operation(
            "TensorFlow Serving's predict request, or one picture as a form or as the whole body.",
            {_JSON: {"schema": _schema("Predicted")}},
            *(code for code in _REFUSALS if code != 415),
        ),
        "parameters": _query_parameters([]),
        "requestBody": {"required": True, "content": content},
    }


def _uploads(names: list[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        USER_TAGS: {"type": "string", "description": "Comma-separated."},
    }
    if names:
        properties[MODEL] = {"type": "string", "enum": names}
    form = {"type": "object", "required": ["file"], "properties": properties}
    return {"multipart/form-data": {"schema": form}, **_picture()}


def _query_parameters(names: list[str]) -> list[dict[str, Any]]:
    tags = {"name": USER_TAGS, "in": "query", "schema": {"type": "string"}}
    tags["description"] = "Comma-separated; for models that read user tags."
    model = {
        "name": MODEL,
        "in": "query",
        "description": "Models to run; all if none is named.",
        "schema": {"type": "array", "items": {"type": "string", "enum": names}},
    }
    return [tags, model] if names else [tags]


def _operation(summary: str, content: Mapping[str, Any], *codes: int) -> dict[str, Any]:
    refusal = {_JSON: {"schema": _schema("Refusal")}}
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **{str(code): {"description": _REFUSALS[code], "content": refusal} for code in codes},
        },
    }


def _get(summary: str, schema: dict[str, Any], *codes: int) -> dict[str, Any]:
    return {"get": _operation(summary, {_JSON: {"schema": schema}}, *codes)}


def _text(kind: str) -> dict[str, Any]:
    return {kind: {"schema": {"type": "string"}}}


def _picture() -> dict[str, Any]:
    return {"image/*": {"schema": {"type": "string", "contentMediaType": "image/*"}}}


def _path_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
