"""Caption files: token files, and JSON Lines with one picture per line."""

import json
import os
import re
from collections.abc import Sequence

from semreg_tf.text.text_files import parse_json, read_text

_TOKEN_LINE = re.compile(r"(?P<name>[^\t#]+)#(?P<number>\d+)\t(?P<caption>.*)")
# Names of the picture's field in JSON Lines.
_NAME_FIELDS = ("image_id", "file_name")


def read_caption_file(
    path: str | os.PathLike[str], argument: str = "path"
) -> dict[str, tuple[str, ...]]:
    r"""Reads captions in one of two formats.

    A token file, the format of Flickr8k and Flickr30k, has lines `name#number<TAB>caption`.
    JSON Lines has one picture per line, `{"image_id": "a1", "captions": ["A dog runs.", ...]}`;
    `file_name` is allowed in place of `image_id`.

    Returns:
      Each picture's captions, pictures in the order of the file.

    Raises:
      ValueError: a line is in neither format, or a picture or a caption number is repeated.
      OSError: the file cannot be read.
    """
    lines = read_text(path, argument).splitlines()
    first = next((line for line in lines if line.strip()), "")
    read = _json_captions if first.lstrip().startswith("{") else token_captions
    return read(lines, argument, path)


def token_captions(
    lines: Sequence[str], argument: str, path: str | os.PathLike[str]
) -> dict[str, tuple[str, ...]]:
    """Parses lines `name#number<TAB>caption`; empty ones are skipped.

    Returns:
      Each picture's captions in ascending order of their numbers.

    Raises:
      ValueError: a line has another format, or a picture has two captions of one number.
    """
    captions: dict[str, dict[int, str]] = {}
    for line_number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _TOKEN_LINE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"`{argument}` must hold a token file of lines `name.jpg#number<TAB>caption`. "
                f"Received: {os.fspath(path)!r}, line {line_number}: {line[:60]!r}"
            )
        numbered = captions.setdefault(match["name"].strip(), {})
        if int(match["number"]) in numbered:
            raise ValueError(
                f"`{argument}` must hold a token file with one caption for each number. Received: "
                f"{os.fspath(path)!r}, line {line_number}: {match['name']}#{match['number']} again"
            )
        numbered[int(match["number"])] = match["caption"]
    return {name: tuple(text for _, text in sorted(c.items())) for name, c in captions.items()}


def _json_captions(
    lines: Sequence[str], argument: str, path: str | os.PathLike[str]
) -> dict[str, tuple[str, ...]]:
    captions: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = parse_json(line)
            name = next(values[field] for field in _NAME_FIELDS if field in values)
            texts = values["captions"]
            valid = isinstance(name, str) and name and isinstance(texts, list)
            valid = valid and all(isinstance(text, str) for text in texts)
        except (json.JSONDecodeError, KeyError, TypeError, StopIteration):
            valid = False
        if not valid or name in captions:
            problem = f"{name!r} again" if valid else f"{line[:60]!r}"
            raise ValueError(
                f"`{argument}` must hold one picture per line, such as "
                '{"image_id": "a1", "captions": ["A dog runs."]}. '
                f"Received: {os.fspath(path)!r}, line {number}: {problem}"
            )
        captions[name] = tuple(texts)
    return captions
