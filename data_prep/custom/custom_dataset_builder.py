"""A user's pictures: a folder and its annotations; README.md has the formats."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike, fspath
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.custom.disk_names import image_id, with_disk_names
from data_prep.custom.entries import Entry, read_entries
from data_prep.custom.findings import Findings, describe
from data_prep.custom.options import DEFAULT_FILES, OPTIONS
from data_prep.custom.picture_record import check_picture_record, write_picture_record
from data_prep.custom.pictures import PictureFolder, check_pictures, warn_of_unnamed
from data_prep.custom.sources import choose_format, read_source, rows_digest
from data_prep.custom.splits import assign_splits, check_shares, check_splits
from data_prep.custom.whole_set import describe_set, warn_of_the_whole


@dataclass(frozen=True)
class CustomOptions:
    """The options of `options.py`, as the builder takes them.

    Attributes:
      annotations: the annotation file; None: `annotations.jsonl` or `annotations.csv` in the
        folder of the pictures.
      format: the source of annotations: "lines", "coco", "keywords" or "folders";
        `Builder.arguments` replaces "auto", and the builder reads it as "lines".
      pictures: the folder of the pictures, required for "keywords" and "folders".
      validation_share: fraction of pictures for validation, if the file has no splits.
      test_share: fraction of pictures for the test split, if the file has no splits.
      seed: seed of the random splits.
      skip_bad_pictures: whether missing and unreadable pictures are left out and counted, or stop
        the preparation.

    Raises:
      ValueError: a share is out of range.
    """

    annotations: str | PathLike[str] | None = None
    format: str = "auto"
    pictures: str | PathLike[str] | None = None
    validation_share: float = 0.1
    test_share: float = 0.1
    seed: int = 2017
    skip_bad_pictures: bool = False

    def __post_init__(self) -> None:
        check_shares(self.validation_share, self.test_share)


class Builder(AnnotationBuilder):
    """Pictures with captions, labels or user tags, which are all checked before the preparation."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "JSON Lines and CSV."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files

    def __init__(self, *, options: CustomOptions | None = None, **kwargs: Any) -> None:
        """Creates the builder; other arguments are as for `AnnotationBuilder`."""
        options = options or CustomOptions()
        form = "lines" if options.format == "auto" else options.format
        self.options = replace(options, format=form)
        self._splits: dict[str, list[Entry]] | None = None
        self._named: list[str] = []
        self._rows_digest: str | None = None
        super().__init__(**kwargs)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that affect records, with the digest of the annotations."""
        # Without the format "lines", the only one of earlier versions.
        options = self.options
        form = {} if options.format == "lines" else {"format": options.format}
        return {
            **form,
            "annotations_sha256": self._digest(),
            "shares": {"validation": options.validation_share, "test": options.test_share},
            "seed": options.seed,
            "skip_bad_pictures": options.skip_bad_pictures,
            **super().parameters,
        }

    def _digest(self) -> str | None:
        """Returns the digest of the annotation files, or of the rows read from the pictures."""
        options = self.options
        if options.format in ("keywords", "folders"):
            if self._rows_digest is None:
                rows = read_source(options.pictures, None, options.format, Findings())
                self._rows_digest = rows_digest(rows)
            return self._rows_digest
        digest, paths = hashlib.sha256(), [options.annotations]
        if options.format == "coco":
            paths = fspath(options.annotations).split(",")
        for path in paths:
            if path is None or not epath.Path(path).is_file():
                return None
            digest.update(epath.Path(path).read_bytes())
        return digest.hexdigest()

    @classmethod
    def arguments(cls, raw_dir: str | None, options: dict[str, Any]) -> dict[str, Any]:
        """Returns the arguments, with the format and the annotation file that are used."""
        if raw_dir is None or not epath.Path(raw_dir).is_dir():
            raise _no_folder(raw_dir)
        form = choose_format(raw_dir, options["annotations"], options["format"])
        chosen = {**options, "format": form, "pictures": raw_dir}
        if form == "lines":
            chosen["annotations"] = find_annotations(raw_dir, options["annotations"])
        checked = {f.name: chosen.pop(f.name) for f in fields(CustomOptions) if f.name in chosen}
        return {"options": CustomOptions(**checked), **chosen}

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Reads the annotations and all pictures; prints their numbers and the warnings.

        Raises:
          ValueError: there are problems; the message lists all of them with their lines.
        """
        findings, options = Findings(), self.options
        path, argument = options.annotations, "annotations"
        if options.format == "lines":
            path = find_annotations(raw_dir, options.annotations)
        elif path is None:
            path, argument = raw_dir, "raw_dir"
        rows = read_source(raw_dir, path, options.format, findings)
        entries = read_entries(rows, findings, self.tokenizer)
        folder = PictureFolder.read(raw_dir)
        entries = with_disk_names(entries, folder.names, findings)
        whole = check_pictures(entries, folder, options.skip_bad_pictures, findings)
        check_splits(entries, findings)
        splits = assign_splits(
            whole, options.validation_share, options.test_share, options.seed, findings
        )
        if findings.problems:
            number = len(findings.problems)
            raise ValueError(
                f"`{argument}` has {number:,} problem{'s' * (number > 1)}, and nothing was "
                f"prepared. Mend the {'file' if argument == 'annotations' else 'folder'} and run "
                f"the command again:\n{describe(findings.problems, findings.unit)}\n"
                f"Received: {argument}={fspath(path)!r}"
            )
        warn_of_unnamed(entries, folder, findings)
        warn_of_the_whole(splits, findings, self.tokenizer)
        if findings.warnings:
            print(f"Warnings, in {fspath(path)}:", file=sys.stderr)
            print(describe(findings.warnings, findings.unit), file=sys.stderr)
        for finding in findings.warnings:
            for name in finding.names or (f"{findings.unit} {finding.line}",):
                self.note(finding.kind, name)
        print(f"{fspath(path)}: {describe_set(splits, self.tokenizer)}")
        self._splits, self._named = splits, [entry.file_name for entry in entries]

    def check_unchanged(self, raw_dir: str | PathLike[str] | None) -> None:
        """Raises a ValueError if pictures of `raw_dir` are not those that were prepared."""
        check_picture_record(self.data_dir, raw_dir)

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        if self._splits is None:
            self.check_raw_files(folder)
        # Before the pictures are stored; the folder becomes the data set's when all are.
        write_picture_record(self.data_dir, folder, self._named)
        splits = self._splits or {}
        return {split: _raw_examples(folder, entries) for split, entries in splits.items()}


def find_annotations(
    raw_dir: str | PathLike[str] | None, annotations: str | PathLike[str] | None = None
) -> epath.Path:
    """Returns the path of the annotation file, by default the one of `DEFAULT_FILES` in the folder.

    Raises:
      ValueError: the folder is missing, or holds none or both of the default files.
    """
    if raw_dir is None or not epath.Path(raw_dir).is_dir():
        raise _no_folder(raw_dir)
    if annotations is not None:
        return epath.Path(annotations)
    files = [epath.Path(raw_dir) / name for name in DEFAULT_FILES]
    files = [path for path in files if path.is_file()]
    if len(files) != 1:
        raise ValueError(
            f"`annotations` must be given where the folder of the pictures does not hold either "
            f"{' or '.join(DEFAULT_FILES)}: {'both are' if files else 'neither is'} there. "
            f"Received: raw_dir={fspath(raw_dir)!r}, annotations=None"
        )
    return files[0]


def _no_folder(raw_dir: str | PathLike[str] | None) -> ValueError:
    return ValueError(
        "`raw_dir` must be the folder of the pictures: there is no such folder. "
        f"Received: raw_dir={raw_dir and fspath(raw_dir)!r}"
    )


def _raw_examples(folder: epath.Path, entries: Sequence[Entry]) -> Iterator[RawExample]:
    for entry in entries:
        yield RawExample(
            image_id=image_id(entry),
            path=folder / entry.file_name,
            file_name=entry.file_name,
            captions=entry.captions,
            labels=entry.labels,
            user_tags=entry.user_tags,
        )
