"""SHA-256 digests of files, and of JSON objects that hold their own digest."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any

# The field of a JSON object with the digest of all its other fields.
OWN_DIGEST = "sha256"
# The field with the digests of other files by name.
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
    r"""Returns the digest of a UTF-8 file with these lines, each followed by `\n`."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def file_digests(folder: str | PathLike[str], names: Iterable[str]) -> dict[str, str]:
    """Returns the digests of files in a folder, by name."""
    return {name: file_digest(Path(folder) / name) for name in names}


def json_digest(values: Mapping[str, Any]) -> str:
    """Returns the digest of a JSON object without its digest field; field order is ignored."""
    others = {name: value for name, value in values.items() if name != OWN_DIGEST}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def with_own_digest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a JSON object with its digest as the last field.

    Values that JSON cannot hold as they are (tuples, keys that are numbers) are converted first.
    """
    others = {name: value for name, value in values.items() if name != OWN_DIGEST}
    plain = json.loads(json.dumps(others))
    return {**plain, OWN_DIGEST: json_digest(plain)}


def is_unchanged(values: Mapping[str, Any]) -> bool:
    """Returns whether a JSON object matches its digest, or was written before there were digests.

    An object with digests of other files was written with its own, so it must have it.
    """
    if OWN_DIGEST in values:
        return values[OWN_DIGEST] == json_digest(values)
    return FILE_DIGESTS not in values


def check_own_digest(
    values: Mapping[str, Any], path: str | PathLike[str], argument: str, fix: str = ""
) -> None:
    """Checks a JSON object, of the file `path`, against its digest.

    Errors name the user's `argument` and say how to `fix` it.

    Raises:
      ValueError: the object does not match its digest.
    """
    if not is_unchanged(values):
        raise ValueError(
            f"`{argument}` must hold {Path(path).name} as it was written: it was changed or is "
            f"damaged. {fix + ' ' if fix else ''}Received: {fspath(path)!r}"
        )


def check_files(
    folder: str | PathLike[str], digests: Mapping[str, str], argument: str, fix: str = ""
) -> None:
    """Checks the files of a folder against their digests by name; errors as `check_own_digest`.

    Raises:
      ValueError: a file is missing or does not match its digest; the first one is named.
      OSError: a file cannot be read.
    """
    for name, expected in digests.items():
        path = Path(folder) / name
        if not path.is_file():
            problem = "it is missing"
        elif file_digest(path) != expected:
            problem = "it was changed or is damaged"
        else:
            continue
        raise ValueError(
            f"`{argument}` must hold {name} as it was written: {problem}. "
            f"{fix + ' ' if fix else ''}Received: {fspath(path)!r}"
        )
