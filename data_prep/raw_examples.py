"""Raw examples, as the raw files describe images, and their conversion to records."""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

from data_prep.images import RawImage
from semreg_tf.data.records import Annotation, example
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer, tokenize
from semreg_tf.text.cleaning import CleanText, clean_caption, clean_name, lone_surrogate

# Longer texts are not captions (ours).
MAX_CAPTION_WORDS = 200


@dataclass(frozen=True)
class RawExample:
    """One image as described by the raw files; `path` is the expected path of its file."""

    image_id: str
    path: str | PathLike[str]
    file_name: str
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    user_tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordResult:
    """The result of converting a raw example.

    Attributes:
      raw: the raw example.
      record: the record of `semreg_tf.data.records.annotation_features`, or None if the example
        cannot be used.
      notes: the reasons for which something was left out or changed, in order.
    """

    raw: RawExample
    record: dict[str, Any] | None
    notes: tuple[str, ...] = ()


def make_record(
    raw: RawExample, image: RawImage, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> RecordResult:
    """Converts a raw example to a record.

    An example is not used if its image is missing or damaged. Captions and names are normalised
    (`semreg_tf.text.cleaning`). Captions without a word or with more than `MAX_CAPTION_WORDS` are
    left out, and so are images that lose all captions by this.

    Raises:
      ValueError: a text holds half of a surrogate pair.
    """
    if image.jpeg is None:
        return RecordResult(raw, None, (f"image {image.problem}",))
    notes = ["image converted (no RGB or grey JPEG)"] if image.converted else []
    notes += ["image turned upright (EXIF orientation)"] if image.turned else []
    captions = _captions(raw, tokenizer, notes)
    if raw.captions and not captions and not raw.labels:
        return RecordResult(raw, None, (*notes, "image without a usable caption"))
    annotation = Annotation(
        raw.image_id,
        raw.file_name,
        captions=tuple(captions),
        labels=_names(raw, "label", raw.labels, notes),
        user_tags=_without_commas(_names(raw, "user tag", raw.user_tags, notes), notes),
        groups=_names(raw, "group", raw.groups, notes),
    )
    return RecordResult(raw, example(image.jpeg, annotation, tokenizer), tuple(notes))


def _captions(raw: RawExample, tokenizer: Tokenizer, notes: list[str]) -> list[str]:
    captions = []
    for caption in raw.captions:
        text = _clean(raw, "caption", clean_caption, caption, notes)
        if len(text.split()) > MAX_CAPTION_WORDS:
            notes.append(f"caption of more than {MAX_CAPTION_WORDS} words")
        elif not text.strip():
            notes.append("caption empty")
        elif not tokenize(text, tokenizer):
            notes.append("caption without a word")
        else:
            captions.append(text)
    return captions


def _names(raw: RawExample, kind: str, names: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    """Returns normalised, distinct names; names that become empty are noted."""
    cleaned = [_clean(raw, kind, clean_name, name, notes) for name in names]
    notes += [f"{kind} empty"] * cleaned.count("")
    return tuple(dict.fromkeys(name for name in cleaned if name))


def _without_commas(user_tags: tuple[str, ...], notes: list[str]) -> tuple[str, ...]:
    # Models get an image's user tags as one comma-separated text.
    without = tuple(tag for tag in user_tags if "," not in tag)
    notes += ["user tag with a comma left out"] * (len(user_tags) - len(without))
    return without


def _clean(
    raw: RawExample, kind: str, clean: Callable[[str], CleanText], text: str, notes: list[str]
) -> str:
    half = lone_surrogate(text)
    if half is not None:
        raise ValueError(
            f"`raw_dir` must hold texts that UTF-8 can write: {half} is half of a surrogate pair. "
            f"Received: a {kind} of {raw.file_name!r}, {text[:60]!a}"
        )
    cleaned = clean(text)
    notes += [f"{kind}: {change}" for change in cleaned.changes]
    return cleaned.text
