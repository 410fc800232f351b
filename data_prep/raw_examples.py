"""One image as the raw files describe it, and the record that is made of it, on any machine."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

from data_prep.images import RawImage
from semreg_tf.data.records import example

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


def make_record(raw: RawExample, image: RawImage) -> MadeRecord:
    """Makes the record of one image.

    It is skipped where its picture is missing or damaged. Empty captions and those of more than
    `MAX_CAPTION_WORDS` words are left out, and so is an image of which they leave no caption.

    Args:
      raw: the annotations.
      image: the picture.

    Returns:
      The record, or none, and notes on both.
    """
    if image.jpeg is None:
        return MadeRecord(raw, None, (f"image {image.problem}",))
    notes = ["image converted (no RGB or grey JPEG)"] if image.converted else []
    notes += ["image turned upright (EXIF orientation)"] if image.turned else []
    captions = []
    for caption in raw.captions:
        num_words = len(caption.split())
        if not num_words:
            notes.append("caption empty")
        elif num_words > MAX_CAPTION_WORDS:
            notes.append(f"caption of more than {MAX_CAPTION_WORDS} words")
        else:
            captions.append(caption)
    if raw.captions and not captions and not raw.labels:
        return MadeRecord(raw, None, (*notes, "image without a usable caption"))
    record = example(
        image=image.jpeg,
        image_id=raw.image_id,
        file_name=raw.file_name,
        captions=captions,
        labels=raw.labels,
        user_tags=raw.user_tags,
        groups=raw.groups,
    )
    return MadeRecord(raw, record, tuple(notes))
