"""Keywords and captions inside the picture files themselves, written by ExifTool.

ExifTool rewrites the metadata of a file and copies the compressed pixels byte for byte.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from semreg_tf.annotating.photo_words import PhotoWords, words_of

_PROGRAM = "exiftool"
_CAPTION, _SUBJECT, _IPTC = "XMP:Description", "XMP:Subject", "IPTC:Keywords"
# What an IPTC keyword holds; longer ones stand whole in XMP.
_IPTC_BYTES = 64
_READY = "{ready}"


class EmbeddingWriter:
    """Writes the words of answers into copies of their pictures, or into the pictures.

    Called with an answer it copies the picture, has ExifTool write `XMP-dc:Subject`,
    `IPTC:Keywords` and, where there is none, `XMP-dc:Description` to the copy, and moves the copy
    to its place when it is whole. Keywords that are there stay.

    Attributes:
      problems: of files that ExifTool refused, and were left alone; a line each.

    Args:
      folder: of the copies; None: the pictures themselves are replaced.
      shown_last: concepts that are no keywords.
      names: of the copies, by picture; None with `folder` None.

    Raises:
      ValueError: ExifTool is not installed.
    """

    def __init__(
        self,
        folder: Path | None,
        shown_last: Collection[str],
        names: dict[str, str] | None = None,
    ) -> None:
        program = shutil.which(_PROGRAM)
        if program is None:
            raise ValueError(
                "`embed` needs ExifTool, the program `exiftool` (Debian: libimage-exiftool-perl). "
                "Received: no such program on the path"
            )
        self._folder, self._shown_last, self._names = folder, shown_last, names or {}
        self.problems: list[str] = []
        # One process for all pictures: starting Perl takes longer than writing.
        self._process = subprocess.Popen(
            [program, "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __call__(self, row: dict[str, Any]) -> None:
        """Writes the words of an answer without an error."""
        if "error" in row:
            return
        picture = Path(row["file"])
        target = picture if self._folder is None else self._folder / self._names[row["file"]]
        words = words_of(row, self._shown_last)
        if "\n" in str(target):
            self.problems.append(f"{str(picture)!r} was left as it is: its name has a line break")
            return
        if target.exists() and self._holds(target, words):
            return
        partial = target.with_name(f".{target.stem}.partial{target.suffix}")
        try:
            shutil.copy2(picture, partial)
            said = self._write(partial, words)
            if said is not None:
                self.problems.append(f"{picture} was left as it is: {said}")
                return
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends ExifTool."""
        if self._process.poll() is None:
            self._process.communicate(b"-stay_open\nFalse\n")

    def _holds(self, path: Path, words: PhotoWords) -> bool:
        subjects, keywords, caption = self._read(path)
        return (
            set(words.keywords) <= set(subjects)
            and {_iptc(k) for k in words.keywords} <= set(keywords)
            and (words.caption is None or bool(caption))
        )

    def _write(self, path: Path, words: PhotoWords) -> str | None:
        """Returns None, or why ExifTool could not write."""
        subjects, keywords, caption = self._read(path)
        arguments = ["-overwrite_original", "-P", "-codedcharacterset=UTF8"]
        arguments += [f"-{_SUBJECT}+={k}" for k in words.keywords if k not in subjects]
        arguments += [f"-{_IPTC}+={k}" for k in map(_iptc, words.keywords) if k not in keywords]
        if words.caption is not None and not caption:
            arguments.append(f"-{_CAPTION}={words.caption}")
        said = self._ask([*arguments, str(path)])
        if "1 image files updated" in said:
            return None
        first = next((x for x in said.splitlines() if x.startswith(("Error", "Warning"))), said)
        return first.replace(str(path), path.name).strip() or "ExifTool did not write it"

    def _read(self, path: Path) -> tuple[list[str], list[str], str]:
        """Returns the subjects, the IPTC keywords and the caption that are in a file."""
        said = self._ask(["-j", "-struct", f"-{_SUBJECT}", f"-{_IPTC}", f"-{_CAPTION}", str(path)])
        try:
            # ExifTool writes a keyword such as 1.50 as a number.
            found = json.loads(said, parse_float=str, parse_int=str)[0]
        except (ValueError, IndexError):
            return [], [], ""
        subjects, keywords = (_listed(found.get(x.split(":")[1])) for x in (_SUBJECT, _IPTC))
        return subjects, keywords, str(found.get("Description", ""))

    def _ask(self, arguments: list[str]) -> str:
        # An argument stands on a line of its own; none of ours can hold a line break.
        lines = ["-charset", "filename=UTF8", "-charset", "iptc=UTF8", *arguments, "-execute"]
        self._process.stdin.write(os.fsencode("".join(f"{line}\n" for line in lines)))
        self._process.stdin.flush()
        said = []
        for line in self._process.stdout:
            text = line.decode(errors="replace")
            if text.strip() == _READY:
                return "".join(said)
            said.append(text)
        raise OSError("ExifTool ended in the middle of its work; the picture is as it was.")


def _iptc(keyword: str) -> str:
    """Returns a keyword as IPTC holds it, cut between characters."""
    return keyword.encode()[:_IPTC_BYTES].decode(errors="ignore")


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
