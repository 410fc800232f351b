"""TensorFlow Serving's REST format of a predict request and its answer.

Row format: `{"instances": [{"b64": "..."}]}` or, with named inputs,
`{"instances": [{"images": {"b64": "..."}, "user_tags": "sea, sun"}]}`; the answer is
`{"predictions": [{...}]}`. Column format: `{"inputs": {"images": [{"b64": "..."}]}}`; the answer
is `{"outputs": {...}}`. `signature_name` selects a signature.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.served_model import PICTURES, VALID, Signature
from semreg_tf.serving.strict_json import parse_json

DEFAULT_SIGNATURE = "serving_default"
_LARGEST = float(np.finfo(np.float32).max)
# Allowance for the JSON values of a request, and of each row, outside lists.
_FEW = 16


@dataclass(frozen=True)
class PredictRequest:
    """A request as rows.

    Attributes:
      signature: the signature's name.
      rows: values by input name: bytes of a picture, text, or a list of floats.
      by_columns: whether request and answer are in the column format.
    """

    signature: str
    rows: tuple[dict[str, Any], ...]
    by_columns: bool


def parse(
    body: bytes | bytearray, signatures: Mapping[str, Signature], limits: Limits
) -> PredictRequest:
    """Parses a predict request.

    Raises:
      Refusal: 400 if it is malformed, 413 if it has too many rows.
    """
    fields = parse_json(body, _most_values(signatures, limits))
    if not isinstance(fields, dict):
        raise Refusal(400, 'The body must be a JSON object with "instances" or "inputs".')
    name = fields.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str) or name not in signatures:
        raise Refusal(400, f'"signature_name" must be one of {_listed(signatures)}.')
    if ("instances" in fields) == ("inputs" in fields):
        raise Refusal(400, 'The body must have either "instances" or "inputs".')
    by_columns = "inputs" in fields
    signature = signatures[name]
    rows = (_rows_of_columns if by_columns else _rows_of_instances)(fields, signature)
    if len(rows) > limits.max_images:
        raise Refusal(
            413, f"The request has {len(rows)} pictures; at most {limits.max_images} are allowed."
        )
    values = tuple(
        {
            key: _value(row[key], key, width, f'"{key}", row {i}', limits)
            for key, width in signature.inputs.items()
        }
        for i, row in enumerate(rows)
    )
    return PredictRequest(name, values, by_columns)


def render(request: PredictRequest, answers: Sequence[Any]) -> dict[str, Any]:
    """Returns the answer as a JSON value, from each row's outputs by name or its `Refusal`.

    If some pictures are refused, their entries have empty texts, zeros, `valid` false and the
    reason as `error`, or in the column format in the list `errors`. If all are refused, the first
    refusal is the answer to the whole request.

    Raises:
      Refusal: all pictures are refused.
    """
    errors = [a.reason if isinstance(a, Refusal) else None for a in answers]
    good = next((a for a in answers if not isinstance(a, Refusal)), None)
    if good is None:
        where = f" (row 0 of {len(answers)})" if len(answers) > 1 else ""
        raise Refusal(answers[0].status, answers[0].reason + where)
    if any(errors):
        blank = {**_blank(good), "concept_names": good.get("concept_names"), VALID: False}
        answers = [
            blank if error else {**answer, VALID: True}
            for answer, error in zip(answers, errors, strict=True)
        ]
    if not request.by_columns:
        pairs = zip(answers, errors, strict=True)
        return {"predictions": [{**a, "error": error} if error else a for a, error in pairs]}
    columns = {key: [answer[key] for answer in answers] for key in answers[0]}
    return {"outputs": columns, **({"errors": errors} if any(errors) else {})}


def _blank(value: Any) -> Any:
    """Returns a value of the same structure with empty texts and zeros."""
    if isinstance(value, dict):
        return {key: _blank(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_blank(v) for v in value]
    return "" if isinstance(value, str) else 0


def _rows_of_instances(fields: dict[str, Any], signature: Signature) -> list[dict[str, Any]]:
    """Returns the rows of a request in the row format, each by input name."""
    instances = fields["instances"]
    if not isinstance(instances, list) or not instances:
        raise Refusal(400, '"instances" must be a list that is not empty.')
    only_input = next(iter(signature.inputs)) if len(signature.inputs) == 1 else None
    rows = []
    for i, instance in enumerate(instances):
        is_value = not isinstance(instance, dict) or "b64" in instance
        row = {only_input: instance} if is_value and only_input else instance
        _check_names(row, signature, f'"instances", row {i}')
        rows.append(row)
    return rows


def _rows_of_columns(fields: dict[str, Any], signature: Signature) -> list[dict[str, Any]]:
    """Returns the rows of a request in the column format, each by input name."""
    columns = fields["inputs"]
    if isinstance(columns, list) and len(signature.inputs) == 1:
        columns = {next(iter(signature.inputs)): columns}
    _check_names(columns, signature, '"inputs"')
    lengths = {len(c) if isinstance(c, list) else 0 for c in columns.values()}
    if len(lengths) > 1 or not min(lengths):
        raise Refusal(400, '"inputs" must hold lists of equal length that are not empty.')
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _check_names(row: Any, signature: Signature, where: str) -> None:
    if not isinstance(row, dict) or set(row) != set(signature.inputs):
        received = _listed(row) if isinstance(row, dict) else type(row).__name__
        raise Refusal(
            400,
            f'{where}: the inputs of signature "{signature.name}" are {_listed(signature.inputs)}. '
            f"Received: {received}.",
        )


def _most_values(signatures: Mapping[str, Signature], limits: Limits) -> int:
    """Returns the most JSON values of a valid request, over all signatures."""
    widths = [
        width or 0 for signature in signatures.values() for width in signature.inputs.values()
    ]
    row = _FEW + max(limits.max_user_tags, *widths)
    return _FEW + limits.max_images * row


def _value(value: Any, key: str, width: int | None, where: str, limits: Limits) -> Any:
    if width is not None:
        return _numbers(value, width, where)
    encoded = value.get("b64") if isinstance(value, dict) else None
    if isinstance(encoded, str) and len(value) == 1:
        try:
            data = base64.b64decode(encoded, validate=True)
            value = data if key == PICTURES else data.decode()
        except (binascii.Error, ValueError):
            raise Refusal(400, f'{where}: "b64" is not base64.') from None
    if key == PICTURES:
        if isinstance(value, bytes):
            return value
        raise Refusal(400, f'{where}: must be {{"b64": "<a picture in base64>"}}.')
    if not isinstance(value, str):
        raise Refusal(400, f"{where}: must be a string.")
    return checked_tags(value, where, limits)


def _numbers(value: Any, width: int, where: str) -> list[float]:
    # In Python booleans are ints, and an int may exceed every float.
    if not (
        isinstance(value, list)
        and len(value) == width
        and all(type(v) in (int, float) and abs(v) <= _LARGEST for v in value)
    ):
        raise Refusal(
            400, f"{where}: must be a list of {width} numbers of magnitude at most {_LARGEST:.2g}."
        )
    return [float(v) for v in value]


def checked_tags(text: str, where: str, limits: Limits) -> str:
    """Returns a picture's comma-separated user tags, if their number and length are allowed.

    Raises:
      Refusal: 400 if there are too many tags or a tag is too long.
    """
    number = text.count(",") + 1
    if number > limits.max_user_tags:
        raise Refusal(
            400, f"{where}: has {number:,} tags; at most {limits.max_user_tags} are allowed."
        )
    longest = max(map(len, text.split(",")))
    if longest > limits.max_tag_chars:
        raise Refusal(
            400,
            f"{where}: has a tag of {longest:,} characters; at most {limits.max_tag_chars} are "
            "allowed.",
        )
    return text


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f'"{name}"'[:60] for name in sorted(names)) or "none"
