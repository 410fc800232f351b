"""Uploads of one picture: a form (`curl -F file=@photo.jpg`), or the file as the whole body."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.predict_format import DEFAULT_SIGNATURE, PredictRequest, checked_tags
from semreg_tf.serving.served_model import PICTURES, ServedModel

FORM = "multipart/form-data"
TAGS_SIGNATURE = "serving_with_tags"
USER_TAGS, MODEL = "user_tags", "model"
# The Content-Type of a file of unknown format.
_BYTES = "application/octet-stream"
# Most parts of a form.
_FEW_PARTS = 8
_HOW = "send one file, as curl -F file=@photo.jpg does"


@dataclass(frozen=True)
class Upload:
    """An uploaded picture with its form fields.

    Attributes:
      picture: bytes of the file.
      user_tags: comma-separated, or None.
      models: names of the models to run; empty: all.
    """

    picture: bytes
    user_tags: str | None = None
    models: tuple[str, ...] = ()


def reader_of_upload(
    content_type: str, query: Iterable[tuple[str, str]], limits: Limits
) -> Callable[[bytes | bytearray], Upload] | None:
    """Returns the parser of a body that is a picture or a form with one; None for other bodies.

    Args:
      content_type: the request's Content-Type.
      query: parameters of the URL, `user_tags` and `model`, which are added to the form's fields.
      limits: on user tags.

    Example:
      >>> reader_of_upload("image/jpeg", [("user_tags", "sea")], Limits())(jpeg).user_tags
      'sea'
    """
    kind, options = parse_options_header(content_type)
    kind = kind.decode("latin-1").lower()
    query = list(query)
    if kind == FORM:
        return partial(_read_form, options.get(b"boundary", b""), query, limits)
    if kind.startswith("image/") or kind == _BYTES:
        return lambda body: _upload(bytes(body), query, limits)
    return None


def request_of(upload: Upload, model: ServedModel) -> PredictRequest:
    """Returns an upload as a predict request of one row.

    Raises:
      Refusal: 400 if it has user tags and the model reads none.
    """
    if upload.user_tags is None:
        return PredictRequest(DEFAULT_SIGNATURE, ({PICTURES: upload.picture},), by_columns=False)
    if TAGS_SIGNATURE not in model.signatures:
        raise Refusal(400, f"The model {model.name!r} reads no user tags.")
    row = {PICTURES: upload.picture, USER_TAGS: upload.user_tags}
    return PredictRequest(TAGS_SIGNATURE, (row,), by_columns=False)


def requests_of(upload: Upload, chosen: Sequence[ServedModel]) -> list[PredictRequest]:
    """Returns an upload as one request per model, with user tags for models that read them.

    Raises:
      Refusal: 400 if it has user tags and no model reads them.
    """
    reading = [model for model in chosen if TAGS_SIGNATURE in model.signatures]
    if upload.user_tags is not None and not reading:
        raise Refusal(400, "None of the models reads user tags.")
    untagged = Upload(upload.picture)
    return [request_of(upload if model in reading else untagged, model) for model in chosen]


def chosen_models(upload: Upload, models: Mapping[str, ServedModel]) -> list[ServedModel]:
    """Returns the models that an upload names, or all.

    Raises:
      Refusal: 404 if a name is unknown.
    """
    unknown = next((name for name in upload.models if name not in models), None)
    if unknown is not None:
        raise Refusal(404, f"No such model: {unknown[:60]!a}. Known: {', '.join(models)}.")
    return [models[name] for name in upload.models or models]


def _upload(picture: bytes, fields: Iterable[tuple[str, str]], limits: Limits) -> Upload:
    tags, models = None, []
    for name, value in fields:
        if name == MODEL:
            models.append(value)
        elif name == USER_TAGS:
            if tags is not None:
                raise Refusal(400, '"user_tags" is given twice: separate tags by commas.')
            tags = checked_tags(value, '"user_tags"', limits)
        else:
            raise Refusal(
                400,
                f'Unknown field {name[:60]!a}: {_HOW}; "user_tags" and "model" are also allowed.',
            )
    return Upload(picture, tags, tuple(dict.fromkeys(models)))


@dataclass
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)


class _Form:
    """Collects the parts of a form from the parser's callbacks, with a limit on their number."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.is_complete = False

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self.parts[-1].name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self.parts[-1].value.extend(
                data[start:end]
            ),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self.parts[-1].data.extend(data[start:end]),
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == _FEW_PARTS:
            raise Refusal(400, f"The form has more than {_FEW_PARTS} parts: {_HOW}.")
        self.parts.append(_Part())

    def _end_header(self) -> None:
        part = self.parts[-1]
        part.headers[bytes(part.name).lower()] = bytes(part.value)
        part.name.clear()
        part.value.clear()

    def _end(self) -> None:
        self.is_complete = True


def _read_form(
    boundary: bytes, query: list[tuple[str, str]], limits: Limits, body: bytes | bytearray
) -> Upload:
    if not boundary:
        raise Refusal(400, "The form's Content-Type has no boundary.")
    form = _Form()
    try:
        MultipartParser(boundary, form.callbacks()).write(body)
    except FormParserError as error:
        reason = " ".join(str(error).split())[:120]
        raise Refusal(
            400, f"The body is not a form with its header's boundary: {reason}."
        ) from None
    if not form.is_complete:
        raise Refusal(400, "The form is cut off: its last boundary is missing.")
    files, fields = [], list(query)
    for part in form.parts:
        kind, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise Refusal(400, 'A part of the form has no Content-Disposition with a "name".')
        if b"filename" in options:
            files.append(part.data)
        else:
            fields.append((_text(name, "A field's name"), _field(name, part.data)))
    if len(files) != 1:
        raise Refusal(400, f"The form has {len(files) or 'no'} files: {_HOW}.")
    return _upload(bytes(files[0]), fields, limits)


def _field(name: bytes, data: bytearray) -> str:
    if name == b"file":
        raise Refusal(400, f'"file" is text, not a file: {_HOW}.')
    return _text(data, f"The field {name[:60].decode('latin-1')!a}")


def _text(data: bytes | bytearray, description: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refusal(400, f"{description} is not UTF-8.") from None
