"""Keywords and captions in the metadata of picture files, written by ExifTool.

ExifTool rewrites a file's metadata and leaves the compressed pixels unchanged.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from semreg_tf.annotating.copies_folder import CopyNames
from semreg_tf.annotating.photo_words import PhotoWords, iptc_keyword, words_of
from semreg_tf.files.file_lock import FileLock

_PROGRAM = "exiftool"
_CAPTION, _SUBJECT, _IPTC = "XMP:Description", "XMP:Subject", "IPTC:Keywords"
# What the answer wrote, so that preparation does not read it as an annotation of people.
_RECORD, _CONFIG_FILE = "XMP-semreg:keywords", Path(__file__).with_name("exiftool.config")
_READY = "{ready}"


class EmbeddingWriter:
    """Writes keywords and captions of answers into copies of the pictures, or into the pictures.

    A call with an answer copies the picture, adds `XMP-dc:Subject`, `IPTC:Keywords` and, if the
    picture has none, `XMP-dc:Description` to the copy with ExifTool, and moves the complete copy to
    its final path. Existing keywords are kept; `XMP-semreg:keywords` records the added ones. A
    symbolic link stays a link: the picture that it names is written. Two processes that write the
    same picture take turns.

    Attributes:
      problems: one line for each file that is unchanged because ExifTool could not write it, or
        because replacing it would part hard links.

    Args:
      folder: of the copies; None: the pictures themselves are replaced.
      shown_last: concepts that are not keywords.
      names: the copies' file names by picture; None if `folder` is None.

    Raises:
      ValueError: ExifTool is not installed.
    """

    def __init__(
        self,
        folder: Path | None,
        shown_last: Collection[str],
        names: Mapping[str, str] | CopyNames | None = None,
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
            [program, "-config", str(_CONFIG_FILE), "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __call__(self, row: dict[str, Any]) -> None:
        """Writes keywords and caption of an answer, unless it is an error."""
        if "error" in row:
            return
        picture = Path(row["file"])
        if self._folder is None:
            target = Path(os.path.realpath(picture))
        else:
            target = self._folder / self._names[row["file"]]
        words = words_of(row, self._shown_last)
        if "\n" in str(target):
            self.problems.append(f"{str(picture)!r} is unchanged: its name has a line break")
            return
        with FileLock(target.with_name(f".{target.name}.lock"), "embed", target, wait=True):
            self._embed(picture, target, words)

    def _embed(self, picture: Path, target: Path, words: PhotoWords) -> None:
        if target.exists() and self._holds(target, words):
            return
        links = target.stat().st_nlink if self._folder is None else 1
        if links > 1:
            self.problems.append(
                f"{picture} is unchanged: it has {links} names (hard links), and only this one "
                "would get the words; --embed=copies writes copies"
            )
            return
        partial = target.with_name(f".{target.stem}.partial{target.suffix}")
        try:
            shutil.copy2(picture, partial)
            problem = self._write(partial, words)
            if problem is not None:
                self.problems.append(f"{picture} is unchanged: {problem}")
                return
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
            # ExifTool's own temporary file, if it was stopped.
            partial.with_name(f"{partial.name}_exiftool_tmp").unlink(missing_ok=True)

    def close(self) -> None:
        """Ends ExifTool."""
        if self._process.poll() is None:
            self._process.communicate(b"-stay_open\nFalse\n")

    def _holds(self, path: Path, words: PhotoWords) -> bool:
        subjects, keywords, caption = self._read(path)
        return (
            set(words.keywords) <= set(subjects)
            and {iptc_keyword(k) for k in words.keywords} <= set(keywords)
            and (words.caption is None or bool(caption))
        )

    def _write(self, path: Path, words: PhotoWords) -> str | None:
        """Writes to a file; returns ExifTool's error, or None."""
        subjects, keywords, caption = self._read(path)
        arguments = ["-overwrite_original", "-P", "-codedcharacterset=UTF8"]
        arguments += [f"-{_SUBJECT}+={k}" for k in words.keywords if k not in subjects]
        arguments += [
            f"-{_IPTC}+={k}" for k in map(iptc_keyword, words.keywords) if k not in keywords
        ]
        # A keyword that a person wrote is not recorded.
        added = [k for k in words.keywords if k not in subjects and iptc_keyword(k) not in keywords]
        arguments += [f"-{_RECORD}+={k}" for k in added]
        if words.caption is not None and not caption:
            arguments.append(f"-{_CAPTION}={words.caption}")
        output = self._run([*arguments, _argument(path)])
        if "1 image files updated" in output:
            return None
        first = next((x for x in output.splitlines() if x.startswith(("Error", "Warning"))), output)
        return first.replace(_argument(path), path.name).strip() or "ExifTool did not write it"

    def _read(self, path: Path) -> tuple[list[str], list[str], str]:
        """Returns a file's XMP subjects, IPTC keywords and caption."""
        tags = [f"-{tag}" for tag in (_SUBJECT, _IPTC, _CAPTION)]
        output = self._run(["-j", "-struct", *tags, _argument(path)])
        try:
            # ExifTool writes a keyword such as 1.50 as a number.
            metadata = json.loads(output, parse_float=str, parse_int=str)[0]
        except (ValueError, IndexError):
            return [], [], ""
        subjects, keywords = (_listed(metadata.get(x.split(":")[1])) for x in (_SUBJECT, _IPTC))
        return subjects, keywords, str(metadata.get("Description", ""))

    def _run(self, arguments: list[str]) -> str:
        # ExifTool reads one argument per line; keywords, captions and paths have no line breaks.
        lines = ["-charset", "filename=UTF8", "-charset", "iptc=UTF8", *arguments, "-execute"]
        self._process.stdin.write(os.fsencode("".join(f"{line}\n" for line in lines)))
        self._process.stdin.flush()
        output = []
        for line in self._process.stdout:
            text = line.decode(errors="replace")
            if text.strip() == _READY:
                return "".join(output)
            output.append(text)
        raise OSError("ExifTool ended before it had finished; the picture is unchanged.")


def _argument(path: Path) -> str:
    """Returns a path as an argument; ExifTool strips leading blanks, and reads `#` as a comment."""
    return str(path) if path.is_absolute() else f"./{path}"


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]
