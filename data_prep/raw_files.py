"""Reads the text files that data sets are published as, and says what is wrong with them."""

from os import PathLike, fspath

from etils import epath

from semreg_tf.text.caption_files import token_captions
from semreg_tf.text.text_files import (
    CARRIAGE_RETURNS,
    ends_in_carriage_returns,
    without_bom,
)


def require_files(raw_dir: str | PathLike[str] | None, names: tuple[str, ...]) -> None:
    """Checks that the folder of the raw files is there and holds what is needed.

    Raises:
      ValueError: the folder or some of the names are missing; all of them are named.
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


def read_lines(path: str | PathLike[str], encoding: str = "utf-8") -> list[str]:
    """Returns the lines of a text file without line ends of either kind; empty ones stay.

    A byte order mark at the file's start is passed over.

    Raises:
      ValueError: the bytes are no text of that encoding, or CR alone ends the lines.
    """
    content = without_bom(epath.Path(path).read_bytes())
    if ends_in_carriage_returns(content):
        raise ValueError(
            f"`raw_dir` must hold files of lines that end in LF: {CARRIAGE_RETURNS}. "
            f"Received: {fspath(path)!r}"
        )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`raw_dir` must hold text files in {encoding}. "
            f"Received: {fspath(path)!r}, byte {error.start}: {error.reason}"
        ) from None
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_names(path: str | PathLike[str]) -> list[str]:
    """Returns the names in a list file, one a line; blanks around them and empty lines go.

    Raises:
      ValueError: a name is there twice.
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


def read_token_file(path: str | PathLike[str]) -> dict[str, tuple[str, ...]]:
    r"""Reads captions in the form of Flickr8k and Flickr30k: `name.jpg#n<TAB>caption`.

    Args:
      path: the token file.

    Returns:
      Each image's captions by rising number, images in the order of the file.

    Raises:
      ValueError: a line is not of that form, or an image has two captions of one number.
    """
    return token_captions(read_lines(path), "raw_dir", path)
