"""Picture files by name and on disk: which names are pictures', and reading that never hangs."""

import os
import stat
from os import PathLike

from etils import epath

from semreg_tf.data.picture_decoding import UnreadablePictureError

# What cameras, phones and programs call the formats that `picture_decoding` reads.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".pgm", ".ppm", ".pbm"),
)
HIDDEN, APPLE_DOUBLE = "hidden file", "macOS's ._ file"
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def has_picture_suffix(name: str) -> bool:
    """Returns whether a file's name ends as pictures' names do, in any case of its letters."""
    return name.lower().endswith(SUFFIXES)


def hidden_kind(name: str) -> str | None:
    """Returns what a hidden file is called in a report, or None where it is not hidden.

    Example:
      >>> hidden_kind("._beach.jpg")
      "macOS's ._ file"
    """
    if name.startswith("._"):
        return APPLE_DOUBLE
    return HIDDEN if name.startswith(".") else None


def special_kind(mode: int) -> str | None:
    """Returns what a path is that is no regular file, from its `st_mode`; None: it is one."""
    if stat.S_ISREG(mode):
        return None
    return next((kind for test, kind in _KINDS if test(mode)), "no regular file")


def read_picture_file(path: str | PathLike[str]) -> bytes:
    """Returns a file's bytes; a named pipe, socket, device or folder is refused at once.

    Args:
      path: on this machine, or where `etils.epath` reaches (`gs://...`).

    Raises:
      UnreadablePictureError: the path is no regular file.
      OSError: there is no such file, or it cannot be read.
    """
    if "://" in os.fspath(path):
        return epath.Path(path).read_bytes()
    _refuse_special(os.stat(path).st_mode)
    # Another process may have put a pipe in its place since: without this flag opening it waits.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(file, "rb") as opened:
        _refuse_special(os.fstat(file).st_mode)
        return opened.read()


def printable(text: str) -> str:
    r"""Returns a text that can be written as UTF-8, whatever bytes a file name in it holds.

    Python keeps a byte of a name that is not UTF-8 as a lone surrogate; it is written as the
    escape `\udcXX`, in JSON the escape of that same surrogate. `os.fsencode` of what a JSON reader
    makes of it gives the bytes of the name back.

    Example:
      >>> printable(os.fsdecode(b"caf\xe9.jpg"))
      'caf\\udce9.jpg'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _refuse_special(mode: int) -> None:
    kind = special_kind(mode)
    if kind is not None:
        raise UnreadablePictureError(f"{kind}, not a file")
