"""A lock file that the kernel releases when its process ends."""

import contextlib
import errno
import fcntl
import logging
import os
import socket
import time
from types import TracebackType

logger = logging.getLogger(__name__)
_POLL_SECS = 0.2
_HOLDER_BYTES = 200


class FileLock:
    """An advisory lock (`flock`) on a file beside the files that it protects.

    The kernel releases it when the process ends, also by `kill -9`. The file names the process that
    holds the lock, and is removed on release.

    Args:
      path: the lock file; missing parent folders are created.
      argument: name of the user's argument for the protected folder or file, for error messages.
      value: the user's value of it.
      wait: whether to wait for another process that holds the lock; if not, it is an error.

    Attributes:
      waited: whether another process held the lock first.

    Raises:
      ValueError: another process, or another lock of this process, holds it.
      OSError: the file cannot be created.

    Example:
      >>> with FileLock("runs/joint/.lock", "workdir", "runs/joint"):
      ...     train()
    """

    def __init__(
        self, path: str | os.PathLike[str], argument: str, value: object, *, wait: bool = False
    ) -> None:
        self._path = os.fspath(path)
        self._file: int | None = None
        self.waited = False
        while True:
            self._file = self._open(argument, value)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = _read_holder(self._file)
                self._close()
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise OSError(
                        f"`{argument}` must be on a file system with locks ({error.strerror}). "
                        f"Received: {argument}={str(value)!r}"
                    ) from error
                if not wait:
                    raise ValueError(
                        f"`{argument}` must not be in use by another process: {holder} writes it. "
                        f"Wait for it. Received: {argument}={str(value)!r}"
                    ) from None
                if not self.waited:
                    logger.warning("Waiting: %s writes %s", holder, value)
                    self.waited = True
                time.sleep(_POLL_SECS)
                continue
            if is_same_file(self._file, self._path):
                break
            # The last holder removed the file after it was opened here and before it was locked.
            self._close()
        os.ftruncate(self._file, 0)
        line = f"process {os.getpid()} on {socket.gethostname()}"
        with contextlib.suppress(OSError):
            # On a full disk the lock works without the holder's name.
            os.pwrite(self._file, line.encode(), 0)

    def close(self) -> None:
        """Releases the lock and removes its file; a second call does nothing."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            self._close()

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self, argument: str, value: object) -> int:
        try:
            os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OSError(
                error.errno,
                f"`{argument}` must be a folder that can be written ({error.strerror}). "
                f"Received: {argument}={str(value)!r}",
            ) from error

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _read_holder(file: int) -> str:
    return os.pread(file, _HOLDER_BYTES, 0).decode("utf-8", "replace").strip() or "another process"


def is_same_file(file: int, path: str | os.PathLike[str]) -> bool:
    """Returns whether an open file is the one that is at a path now."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
