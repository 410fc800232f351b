"""Damaged JSON, named by file and place."""

import contextlib
import json
from collections.abc import Iterator
from os import PathLike, fspath
from typing import Any

from etils import epath

from semreg_tf.text.text_files import parse_json


@contextlib.contextmanager
def json_errors(path: str | PathLike[str], argument: str = "raw_dir") -> Iterator[None]:
    """Turns what a JSON parser raises into a ValueError that says where the file is damaged.

    Args:
      path: the file that is read within the context.
      argument: what messages call the file or its folder.

    Raises:
      ValueError: it is cut short, no JSON or no UTF-8.
    """
    try:
        yield
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}, character {error.pos:,}"
        raise ValueError(
            f"`{argument}` must hold whole JSON files: download or unpack this one again. "
            f"Received: {fspath(path)!r}, damaged or cut short at {place}: {error.msg}"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`{argument}` must hold JSON files in UTF-8. "
            f"Received: {fspath(path)!r}, byte {error.start:,}: {error.reason}"
        ) from None


def read_json(path: str | PathLike[str], argument: str = "raw_dir") -> Any:
    """Returns what a JSON file holds.

    Raises:
      ValueError: as in `json_errors`.
    """
    with json_errors(path, argument):
        return parse_json(epath.Path(path).read_bytes().decode("utf-8-sig"))
