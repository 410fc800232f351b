"""What an export says of itself in its folder, and the names of its files."""

import logging
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from semreg_tf.files import digests
from semreg_tf.files.json_files import read_json_object

logger = logging.getLogger(__name__)

ASSETS = "assets.extra"
INFO_FILE = Path(ASSETS) / "semreg_tf.json"
CONFIG_FILE = Path(ASSETS) / "config.json"
# In an export of two models: the folder of the tag model's assets, and the field of its info.
TAG_ASSETS = "tags"
FORMAT_VERSION = 2
# What an export says under "format" that is no SavedModel.
LITERT = "litert"
# The end of an error's message on an export that cannot be used.
FIX = "Export the run again."


def is_export(path: str | PathLike[str]) -> bool:
    """Returns whether a folder is an export of this project."""
    return (Path(path) / INFO_FILE).exists()


def check_is_export(path: str | PathLike[str], argument: str = "path") -> None:
    """Checks that a folder is an export of this project, whose files may be damaged.

    Args:
      path: the folder.
      argument: name of the user's argument, for error messages.

    Raises:
      ValueError: it is not, or there is no such folder.
    """
    if not is_export(path):
        missing = "" if Path(path).exists() else ", and there is none of this name"
        raise ValueError(
            f"`{argument}` must be a folder written by the export command{missing}. "
            f"Received: {argument}={fspath(path)!r}"
        )


def read_info(path: str | PathLike[str], argument: str = "path") -> dict[str, Any]:
    """Returns what an export says of itself, once its files are the ones that were written.

    Args:
      path: folder of the export.
      argument: name of the user's argument, for error messages.

    Raises:
      ValueError: the folder holds no export of this project, one of another version, or one of
        which a file is missing, damaged or exchanged.

    Example:
      >>> read_info("runs/export")["task"]
      'captions'
    """
    folder = Path(path)
    check_is_export(folder, argument)
    info = read_json_object(folder / INFO_FILE, argument, FIX)
    version = info.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"`{argument}` must hold an export of format version {FORMAT_VERSION}. {FIX} "
            f"Received: format_version={version!r} in {fspath(path)!r}"
        )
    digests.check_own_digest(info, folder / INFO_FILE, argument, FIX)
    if digests.FILE_DIGESTS in info:
        digests.check_files(folder, info[digests.FILE_DIGESTS], argument, FIX)
    else:
        logger.warning("%s has no digests: an earlier version exported it", folder)
    return info
