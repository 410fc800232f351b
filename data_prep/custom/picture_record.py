"""The record of the pictures that a data set was prepared from, which reveals changed ones."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from os import PathLike, fspath
from pathlib import Path

from etils import epath

from semreg_tf.data.atomic_write import write_lines
from semreg_tf.data.dataset_digests import PREPARE_ANEW
from semreg_tf.files.digests import file_digest
from semreg_tf.files.json_files import object_in, read_json_object

RECORD_FILE = "pictures.json"
_PICTURES = "pictures"
_SHOWN_NAMES = 3


def write_picture_record(
    builder_dir: str | PathLike[str], raw_dir: str | PathLike[str], names: Iterable[str]
) -> None:
    """Writes size, time and digest of each named picture into `pictures.json`; null if missing.

    Pictures in a bucket are not recorded.
    """
    if "://" in fspath(raw_dir):
        return
    names = sorted(set(names))
    with ThreadPoolExecutor() as pool:
        states = pool.map(lambda name: _state(Path(raw_dir) / name), names)
        record = {_PICTURES: dict(zip(names, states, strict=True))}
    text = json.dumps(record, indent=0, ensure_ascii=False)
    write_lines(os.path.join(builder_dir, RECORD_FILE), text.split("\n"))


def check_picture_record(
    builder_dir: str | PathLike[str], raw_dir: str | PathLike[str] | None
) -> None:
    """Refuses a prepared data set whose pictures are not those of the folder any more.

    A picture of the same size and time is not read. Data sets of earlier versions, which have no
    record, pass.

    Raises:
      ValueError: pictures were changed, removed or added, or are those of another folder.
    """
    path = epath.Path(builder_dir) / RECORD_FILE
    if raw_dir is None or "://" in fspath(raw_dir) or not path.exists():
        return
    record = object_in(read_json_object(path, "data_dir", PREPARE_ANEW), _PICTURES)
    # Without threads, which would make it slower, as most pictures are not read.
    kinds = [_difference(Path(raw_dir) / name, earlier) for name, earlier in record.items()]
    parts = []
    for kind in ("changed", "missing", "new"):
        names = [name for name, other in zip(record, kinds, strict=True) if other == kind]
        if names:
            shown = ", ".join(map(repr, names[:_SHOWN_NAMES]))
            parts.append(f"{len(names):,} {kind} ({shown}{', ...' * (len(names) > _SHOWN_NAMES)})")
    if parts:
        raise ValueError(
            f"`data_dir` holds pictures other than those in the folder: {', '.join(parts)}. "
            f"Choose another folder, or delete {fspath(builder_dir)!r} and the work directories of "
            f"runs that it trained. Received: raw_dir={fspath(raw_dir)!r}"
        )


def _state(path: Path) -> list[int | str | None] | None:
    """Returns size, time and digest of a file, None for the digest of one that cannot be read."""
    stat = _stat(path)
    return None if stat is None else [*stat, _digest(path)]


def _difference(path: Path, earlier: list[int | str | None] | None) -> str | None:
    stat = _stat(path)
    if earlier is None or stat is None:
        return None if earlier is stat else "new" if earlier is None else "missing"
    size, time, digest = earlier
    # A copy of the folder has other times.
    is_same = stat[0] == size and (stat[1] == time or _digest(path) == digest)
    return None if is_same else "changed"


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _digest(path: Path) -> str | None:
    try:
        return file_digest(path) if path.is_file() else None
    except OSError:
        return None
