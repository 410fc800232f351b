"""TensorFlow Serving's REST form of a predict request and its answer.

Row form: `{"instances": [{"b64": "..."}]}` or, with named inputs,
`{"instances": [{"images": {"b64": "..."}, "user_tags": "sea, sun"}]}`, answered by
`{"predictions": [{...}]}`. Column form: `{"inputs": {"images": [{"b64": "..."}]}}`, answered by
`{"outputs": {...}}`. `signature_name` picks a signature.
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
# JSON values of a request beside those of its rows' lists, and of a row beside its lists.
_FEW = 16


@dataclass(frozen=True)
class PredictRequest:
    """A request as rows.

    Attributes:
      signature: name of one.
      rows: values by input name: bytes of a picture, text, or a list of floats.
      by_columns: whether it came, and is answered, in the column form.
    """

    signature: str
    rows: tuple[dict[str, Any], ...]
    by_columns: bool


def parse(
    body: bytes | bytearray, signatures: Mapping[str, Signature], limits: Limits
) -> PredictRequest:
    """Reads a request.

    Args:
      body: JSON.
      signatures: of the model.
      limits: on rows, user tags and lists.

    Raises:
      Refusal: 400, not of this form; 413, too many rows.
    """
    asked = parse_json(body, _most_values(signatures, limits))
    if not isinstance(asked, dict):
        raise Refusal(400, 'The body must be a JSON object with "instances" or "inputs".')
    name = asked.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str) or name not in signatures:
        raise Refusal(400, f'"signature_name" must be one of {_listed(signatures)}.')
    if ("instances" in asked) == ("inputs" in asked):
        raise Refusal(400, 'The body must have either "instances" or "inputs".')
    by_columns = "inputs" in asked
    signature = signatures[name]
    rows = (_transposed if by_columns else _named)(asked, signature)
    if len(rows) > limits.max_images:
        raise Refusal(
            413, f"The request has {len(rows)} pictures; at most {limits.max_images} are taken."
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
    """Returns the answer as a JSON value.

    A refused picture among good ones keeps its place: its texts are empty, its numbers 0, `valid`
    is false, and the reason is its entry's `error`, or in the column form its place in `errors`.
    Where no picture was good, the first refusal is the answer to the whole request.

    Args:
      request: what was asked.
      answers: outputs by name, or a `Refusal`, for each row.

    Raises:
      Refusal: see above; names the row where there are several.
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
    """Returns a value of the same form that says nothing."""
    if isinstance(value, dict):
        return {key: _blank(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_blank(v) for v in value]
    return "" if isinstance(value, str) else 0


def _named(asked: dict[str, Any], signature: Signature) -> list[dict[str, Any]]:
    """Returns the rows of the row form, each by input name."""
    instances = asked["instances"]
    if not isinstance(instances, list) or not instances:
        raise Refusal(400, '"instances" must be a list that is not empty.')
    only = next(iter(signature.inputs)) if len(signature.inputs) == 1 else None
    rows = []
    for i, instance in enumerate(instances):
        is_value = not isinstance(instance, dict) or "b64" in instance
        row = {only: instance} if is_value and only else instance
        _check_names(row, signature, f'"instances", row {i}')
        rows.append(row)
    return rows


def _transposed(asked: dict[str, Any], signature: Signature) -> list[dict[str, Any]]:
    """Returns the rows of the column form, each by input name."""
    columns = asked["inputs"]
    if isinstance(columns, list) and len(signature.inputs) == 1:
        columns = {next(iter(signature.inputs)): columns}
    _check_names(columns, signature, '"inputs"')
    lengths = {len(c) if isinstance(c, list) else 0 for c in columns.values()}
    if len(lengths) > 1 or not min(lengths):
        raise Refusal(400, '"inputs" must hold lists of one length that are not empty.')
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _check_names(row: Any, signature: Signature, where: str) -> None:
    if not isinstance(row, dict) or set(row) != set(signature.inputs):
        got = _listed(row) if isinstance(row, dict) else type(row).__name__
        raise Refusal(
            400,
            f'{where}: signature "{signature.name}" takes {_listed(signature.inputs)}. '
            f"Received: {got}.",
        )


def _most_values(signatures: Mapping[str, Signature], limits: Limits) -> int:
    """Returns how many values the longest lists in the most rows of any signature come to."""
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
    # A boolean is an int to Python; an integer may be larger than any float.
    if not (
        isinstance(value, list)
        and len(value) == width
        and all(type(v) in (int, float) and abs(v) <= _LARGEST for v in value)
    ):
        raise Refusal(
            400, f"{where}: must be a list of {width} numbers of at most {_LARGEST:.2g} in size."
        )
    return [float(v) for v in value]


def checked_tags(text: str, where: str, limits: Limits) -> str:
    """Returns comma-separated user tags; the graph's memory grows with their number and length.

    Args:
      text: the tags of one picture.
      where: what holds them, for the refusal.
      limits: on their number and length.

    Raises:
      Refusal: 400, too many or too long.
    """
    number = text.count(",") + 1
    if number > limits.max_user_tags:
        raise Refusal(
            400, f"{where}: has {number:,} tags; at most {limits.max_user_tags} are taken."
        )
    longest = max(map(len, text.split(",")))
    if longest > limits.max_tag_chars:
        raise Refusal(
            400,
            f"{where}: has a tag of {longest:,} characters; at most {limits.max_tag_chars} are "
            "taken.",
        )
    return text


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f'"{name}"'[:60] for name in sorted(names)) or "none"
