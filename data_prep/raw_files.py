"""Readers of the text files of published data sets."""

from collections.abc import Mapping
from os import PathLike, fspath

from etils import epath

from semreg_tf.text.caption_files import token_captions
from semreg_tf.text.text_files import (
    CARRIAGE_RETURNS,
    decode,
    ends_in_carriage_returns,
)


def require_files(raw_dir: str | PathLike[str] | None, names: tuple[str, ...]) -> None:
    """Checks that the folder of the raw files exists and holds all required files.

    Raises:
      ValueError: the folder or files are missing; the message names all of them.
    """
    folder = epath.Path(raw_dir) if raw_dir is not None else None
    if folder is None or not folder.is_dir():
        raise ValueError(
            f"`raw_dir` must be the folder that holds {', '.join(names)}. "
            f"Received: raw_dir={raw_dir and fspath(raw_dir)!r}"
        )
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise ValueError(
            f"`raw_dir` must hold {', '.join(names)}: there is no {', '.join(missing)}. "
            f"Received: raw_dir={fspath(folder)!r}"
        )


def read_lines(path: str | PathLike[str]) -> list[str]:
    """Returns the lines of a UTF-8 file without their ends (LF or CRLF), including empty lines.

    A byte order mark at the start is skipped.

    Raises:
      ValueError: the bytes are not UTF-8, or lines end in CR alone.
    """
    content = epath.Path(path).read_bytes()
    if ends_in_carriage_returns(content):
        raise ValueError(
            f"`raw_dir` must hold files of lines that end in LF: {CARRIAGE_RETURNS}. "
            f"Received: {fspath(path)!r}"
        )
    lines = decode(content, "raw_dir", repr(fspath(path))).split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_names(path: str | PathLike[str]) -> list[str]:
    """Returns the stripped, non-empty lines of a file of names.

    Raises:
      ValueError: a name occurs twice.
    """
    names: dict[str, int] = {}
    for number, line in enumerate(read_lines(path), start=1):
        name = line.strip()
        if name in names:
            raise ValueError(
                f"`raw_dir` must hold lists of distinct names. Received: {fspath(path)!r}, "
                f"lines {names[name]} and {number}: {name!r}"
            )
        if name:
            names[name] = number
    return list(names)


def read_split_lists(
    folder: epath.Path, files: Mapping[str, str], suffix: str = ""
) -> dict[str, list[str]]:
    """Returns the names of each split in the order of its list; `files` has the lists' file names.

    Names without the suffix get it.

    Raises:
      ValueError: a name occurs twice.
    """
    file_of: dict[str, str] = {}
    lists = {}
    for split, file_name in files.items():
        names = [f"{n.removesuffix(suffix)}{suffix}" for n in read_names(folder / file_name)]
        for name in names:
            if name in file_of:
                raise ValueError(
                    "`raw_dir` must hold lists that name every image once. "
                    f"Received: {name!r} in {file_of[name]} and {file_name}"
                )
            file_of[name] = file_name
        lists[split] = names
    return lists


def read_token_file(path: str | PathLike[str]) -> dict[str, tuple[str, ...]]:
    r"""Reads a token file, as of Flickr8k and Flickr30k: `name.jpg#n<TAB>caption`.

    Returns:
      Image name -> its captions by number, images in the order of the file.

    Raises:
      ValueError: a line is not of that form, or an image has two captions of the same number.
    """
    return token_captions(read_lines(path), "raw_dir", path)
