"""Recognising picture files by name, and reading files without blocking on pipes or devices."""

import os
import stat
from os import PathLike

from etils import epath

from semreg_tf.data.picture_decoding import UnreadablePictureError

# Suffixes that cameras, phones and programs use for the formats of `picture_decoding`.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".pgm", ".ppm", ".pbm"),
)
# Folders, in lower case, in which storage devices and systems keep thumbnails and deleted files.
_SYSTEM_FOLDERS = frozenset(
    (
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "$recycle.bin"),
        *("system volume information", "lost+found", "__macosx"),
    )
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
    """Returns whether a file name has the suffix of a picture format, in any case."""
    return name.lower().endswith(SUFFIXES)


def hidden_kind(name: str) -> str | None:
    """Returns the kind of a hidden file for a report, or None if the file is not hidden.

    Example:
      >>> hidden_kind("._beach.jpg")
      "macOS's ._ file"
    """
    if name.startswith("._"):
        return APPLE_DOUBLE
    return HIDDEN if name.startswith(".") else None


def is_system_folder(name: str) -> bool:
    """Returns whether a folder, by its name, is hidden or holds no pictures that people put there.

    Example:
      >>> is_system_folder(".thumbnails"), is_system_folder("@eaDir"), is_system_folder("holiday")
      (True, True, False)
    """
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def special_kind(mode: int) -> str | None:
    """Returns the kind of a path that is not a regular file, from its `st_mode`, else None."""
    if stat.S_ISREG(mode):
        return None
    return next((kind for test, kind in _KINDS if test(mode)), "not a regular file")


def read_picture_file(path: str | PathLike[str]) -> bytes:
    """Returns the bytes of a file, local or in a bucket that `etils.epath` supports (`gs://...`).

    Named pipes, sockets, devices and folders are refused at once.

    Raises:
      UnreadablePictureError: the path is not a regular file.
      OSError: there is no such file, or it cannot be read.
    """
    if "://" in os.fspath(path):
        return epath.Path(path).read_bytes()
    _refuse_special(os.stat(path).st_mode)
    # O_NONBLOCK, in case another process has replaced the file by a pipe, which would block.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(file, "rb") as opened:
        _refuse_special(os.fstat(file).st_mode)
        return opened.read()


def printable(text: str) -> str:
    r"""Returns a text with file names as valid UTF-8.

    Python represents a byte of a name that is not UTF-8 as a lone surrogate, which is replaced by
    the escape `\udcXX`. In JSON, this is the escape of the same surrogate, so that `os.fsencode` of
    the parsed text gives the original bytes.

    Example:
      >>> printable(os.fsdecode(b"caf\xe9.jpg"))
      'caf\\udce9.jpg'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _refuse_special(mode: int) -> None:
    kind = special_kind(mode)
    if kind is not None:
        raise UnreadablePictureError(f"{kind}, not a file")
