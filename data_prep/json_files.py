"""The JSON files of raw data sets: what is damaged is named by file and place."""

from os import PathLike
from typing import Any

from semreg_tf.files import json_files
from semreg_tf.text.text_files import parse_json


def read_json(path: str | PathLike[str], argument: str = "raw_dir") -> Any:
    """Returns what a JSON file holds.

    Args:
      path: the file.
      argument: what messages call the file or its folder.

    Raises:
      ValueError: it is not there, cut short, no JSON or no UTF-8.
    """
    fix = "Download or unpack it again."
    return json_files.read_json(path, argument, fix, parse=parse_json)
