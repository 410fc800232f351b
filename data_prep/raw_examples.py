"""One image as the raw files describe it, and the record that is made of it, on any machine."""

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

from data_prep.images import RawImage
from semreg_tf.data.records import example
from semreg_tf.data.text import DEFAULT_TOKENIZER, Tokenizer, tokenize
from semreg_tf.text.cleaning import CleanText, clean_caption, clean_name, lone_surrogate

# Ours: what is longer is no caption but a text that went astray.
MAX_CAPTION_WORDS = 200


@dataclass(frozen=True)
class RawExample:
    """One image as the raw files describe it; `path` is where its picture should be."""

    image_id: str
    path: str | PathLike[str]
    file_name: str
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    user_tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class MadeRecord:
    """What became of a raw example: `record` is None where it cannot be used.

    Attributes:
      raw: the example.
      record: for `semreg_tf.data.records.annotation_features`, or None.
      notes: why something was left out or changed, in order.
    """

    raw: RawExample
    record: dict[str, Any] | None
    notes: tuple[str, ...] = ()


def make_record(
    raw: RawExample, image: RawImage, tokenizer: Tokenizer = DEFAULT_TOKENIZER
) -> MadeRecord:
    """Makes the record of one image.

    It is skipped where its picture is missing or damaged. Captions and names are brought to one
    spelling (`semreg_tf.text.cleaning`). Captions without a word and those of more than
    `MAX_CAPTION_WORDS` are left out, and so is an image of which they leave no caption.

    Args:
      raw: the annotations.
      image: the picture.
      tokenizer: how captions become tokens, one of `semreg_tf.data.text.TOKENIZERS`.

    Returns:
      The record, or none, and notes on both.

    Raises:
      ValueError: a text holds half of a surrogate pair.
    """
    if image.jpeg is None:
        return MadeRecord(raw, None, (f"image {image.problem}",))
    notes = ["image converted (no RGB or grey JPEG)"] if image.converted else []
    notes += ["image turned upright (EXIF orientation)"] if image.turned else []
    captions = _captions(raw, tokenizer, notes)
    if raw.captions and not captions and not raw.labels:
        return MadeRecord(raw, None, (*notes, "image without a usable caption"))
    record = example(
        image=image.jpeg,
        image_id=raw.image_id,
        file_name=raw.file_name,
        captions=captions,
        labels=_names(raw, "label", raw.labels, notes),
        user_tags=_without_commas(_names(raw, "user tag", raw.user_tags, notes), notes),
        groups=_names(raw, "group", raw.groups, notes),
        tokenizer=tokenizer,
    )
    return MadeRecord(raw, record, tuple(notes))


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


def _names(raw: RawExample, kind: str, names: tuple[str, ...], notes: list[str]) -> list[str]:
    """Returns names in one spelling, each once; those of which nothing is left are noted."""
    cleaned = [_clean(raw, kind, clean_name, name, notes) for name in names]
    notes += [f"{kind} empty"] * cleaned.count("")
    return list(dict.fromkeys(name for name in cleaned if name))


def _without_commas(user_tags: list[str], notes: list[str]) -> list[str]:
    # A model reads a picture's user tags as one text with commas between them.
    kept = [tag for tag in user_tags if "," not in tag]
    notes += ["user tag with a comma left out"] * (len(user_tags) - len(kept))
    return kept


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
