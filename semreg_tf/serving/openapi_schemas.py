"""JSON schemas of the server's requests and answers, for its OpenAPI document."""

from typing import Any

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1.001}
_OR_NULL = {"type": ["number", "null"]}
_COUNT = {"type": "integer", "minimum": 0}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_ENCODED = _object({"b64": {"type": "string", "contentEncoding": "base64"}})
_INSTANCE = {
    "anyOf": [
        _ENCODED,
        _object({"images": _ENCODED}, {"user_tags": {"anyOf": [_TEXT, _ENCODED]}}),
        _object({"features": _list(_NUMBER)}),
        _list(_NUMBER),
    ]
}
_PREDICTION = _object(
    {
        "annotations": _list(_TEXT),
        "scores": _list(_OR_NULL),
        "concept_names": _list(_TEXT),
        "concept_probabilities": _list(_NUMBER),
        "valid": {"type": "boolean"},
    },
    {
        "labels": _list(_list(_TEXT)),
        "label_scores": _list(_list(_NUMBER)),
        "label_list_scores": _list(_OR_NULL),
        "label_names": _list(_TEXT),
        "label_probabilities": _list(_NUMBER),
        "unknown_user_tags": _COUNT,
        "error": _TEXT,
    },
)
_ANSWER = _object(
    {"concepts": _list(_object({"concept": _TEXT, "probability": _PROBABILITY}))},
    {
        "captions": _list(_object({"caption": _TEXT, "log_probability": _NUMBER})),
        "tags": _list(
            _object({"tag": _TEXT, "probability": {"anyOf": [_PROBABILITY, {"type": "null"}]}})
        ),
        "unknown_user_tags": _COUNT,
    },
)
_STATE = _object(
    {
        "version": _TEXT,
        "state": {"enum": ["AVAILABLE", "UNLOADING"]},
        "status": _object({"error_code": _TEXT, "error_message": _TEXT}),
    }
)

SCHEMAS: dict[str, Any] = {
    "Refusal": _object({"error": {"type": "string", "minLength": 1}}),
    "Health": _object({"status": {"const": "ok"}}),
    "Status": _object({"model_version_status": _list(_STATE)}),
    "Predict": {
        "anyOf": [
            _object({"instances": _list(_INSTANCE)}, {"signature_name": _TEXT}),
            _object({"inputs": {"type": ["object", "array"]}}, {"signature_name": _TEXT}),
        ]
    },
    "Predicted": {
        "anyOf": [
            _object({"predictions": _list(_PREDICTION)}),
            _object(
                {"outputs": {"type": "object"}}, {"errors": _list({"type": ["string", "null"]})}
            ),
        ]
    },
    # Answers by the name of the model.
    "Answers": {
        "type": "object",
        "additionalProperties": {"$ref": "#/components/schemas/Answer"},
        "minProperties": 1,
    },
    "Answer": _ANSWER,
}
