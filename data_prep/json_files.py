"""Reader of the JSON files of raw data sets, whose errors name file and position."""

from os import PathLike
from typing import Any

from semreg_tf.files import json_files
from semreg_tf.text.text_files import parse_json


def read_json(path: str | PathLike[str], argument: str = "raw_dir") -> Any:
    """Returns the content of a JSON file; `argument` is the name of the argument in messages.

    Raises:
      ValueError: the file is missing, truncated, not JSON or not UTF-8.
    """
    fix = "Download or unpack it again."
    return json_files.read_json(path, argument, fix, parse=parse_json)
