"""SHA-256 digests that tie files to each other, and JSON objects that carry their own."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any

# The field of a JSON object that holds the digest of all its others.
OWN_DIGEST = "sha256"
# The field that holds the digests of other files, by their names.
FILE_DIGESTS = "digests"
_BLOCK_BYTES = 1 << 20


def stream_digest(file: IO[bytes]) -> str:
    """Returns the SHA-256 of the rest of an open file, in hexadecimal."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def file_digest(path: str | PathLike[str]) -> str:
    """Returns the SHA-256 of a local file, in hexadecimal."""
    with open(path, "rb") as file:
        return stream_digest(file)


def lines_digest(lines: Iterable[str]) -> str:
    r"""Returns the digest that a file of these lines has, each ended by `\n`, in UTF-8."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def file_digests(folder: str | PathLike[str], names: Iterable[str]) -> dict[str, str]:
    """Returns the digests of files in a folder, by name."""
    return {name: file_digest(Path(folder) / name) for name in names}


def json_digest(values: Mapping[str, Any]) -> str:
    """Returns the digest of a JSON object without its digest field, in any order of fields."""
    others = {name: value for name, value in values.items() if name != OWN_DIGEST}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def with_own_digest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a JSON object with its digest as a last field.

    What JSON changes on its way to disk and back (tuples, keys that are numbers) is changed first.
    """
    others = {name: value for name, value in values.items() if name != OWN_DIGEST}
    plain = json.loads(json.dumps(others))
    return {**plain, OWN_DIGEST: json_digest(plain)}


def is_unchanged(values: Mapping[str, Any]) -> bool:
    """Returns whether a JSON object matches its digest, or is older than digests.

    One with the digests of other files had its own too, whose name may have been damaged.
    """
    if OWN_DIGEST in values:
        return values[OWN_DIGEST] == json_digest(values)
    return FILE_DIGESTS not in values


def check_own_digest(
    values: Mapping[str, Any], path: str | PathLike[str], argument: str, fix: str = ""
) -> None:
    """Refuses a JSON object that does not match its digest.

    Raises:
      ValueError: as said; the file is named.
    """
    if not is_unchanged(values):
        raise ValueError(
            f"`{argument}` must hold {Path(path).name} as it was written: it was changed or is "
            f"damaged. {fix + ' ' if fix else ''}Received: {fspath(path)!r}"
        )


def check_files(
    folder: str | PathLike[str], digests: Mapping[str, str], argument: str, fix: str = ""
) -> None:
    """Refuses a folder in which a file is missing or does not match its digest.

    Args:
      folder: that holds the files.
      digests: by the files' names in the folder.
      argument: what messages call the folder.
      fix: a sentence that says what helps.

    Raises:
      ValueError: as said; the first such file is named.
      OSError: a file cannot be read.
    """
    for name, expected in digests.items():
        path = Path(folder) / name
        if not path.is_file():
            wrong = "it is not there"
        elif file_digest(path) != expected:
            wrong = "it was changed or is damaged"
        else:
            continue
        raise ValueError(
            f"`{argument}` must hold {name} as it was written: {wrong}. "
            f"{fix + ' ' if fix else ''}Received: {fspath(path)!r}"
        )
