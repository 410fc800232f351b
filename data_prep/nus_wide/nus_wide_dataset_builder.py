r"""NUS-WIDE (Chua et al., CIVR 2009) from the official files.

ImageList/Imagelist.txt                       actor\0001_2124494179.jpg      269,648
ConceptsList/Concepts81.txt                   airport
Groundtruth/AllLabels/Labels_airport.txt      0 or 1 per line, one line per image
NUS_WID_Tags/All_Tags.txt, Final_Tag_List.txt the user tags
Flickr/<folder>/<file>, or images/<id>.jpg    the pictures that are still available
"""

from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder, RawExample
from data_prep.nus_wide import raw_set as raw_sets
from data_prep.nus_wide.image_list import FLAT, NESTED, find_pictures, read_image_list
from data_prep.nus_wide.options import OPTIONS
from data_prep.nus_wide.published import count_raw_set, describe_raw_counts, shown
from data_prep.nus_wide.splits import drawn_splits, official_splits
from data_prep.raw_files import require_files
from semreg_tf.data.atomic_write import write_lines

PRINTED, OFFICIAL = "printed", "official"
MISSING_FILE = "missing_pictures.txt"


class Builder(AnnotationBuilder):
    """Photos with labels, user tags and their folder; only photos with a label and a picture.

    The splits are the paper's, 150,000 training and 59,347 test photos (Sec. 4.2). With
    `config="printed"` there are 15,000 training photos, the number that the paper prints; with
    `config="official"` the splits are the official lists. A share of the training photos becomes
    the validation split (our choice).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Three splits, all user tags."}
    VARIANTS = (
        tfds.core.BuilderConfig(name=PRINTED, description="15,000 training photos, as printed."),
        tfds.core.BuilderConfig(name=OFFICIAL, description="The official lists."),
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = OPTIONS.raw_files

    def __init__(
        self,
        *,
        user_tags: raw_sets.UserTags = "final",
        validation_share: float = 0.05,
        min_share: float = 0.9,
        seed: int = 2017,
        **kwargs: Any,
    ) -> None:
        """Creates the builder.

        Args:
          user_tags: the tags to store: the 5,018 of the final list, every word of `All_Tags.txt`,
            the official 1,000, or none. The config sets how many of them are read.
          validation_share: size of the validation split as a share of the training split; 0: no
            validation split.
          min_share: smallest share of the labelled photos that must have a picture.
          seed: random seed of the splits.
          **kwargs: as for `AnnotationBuilder`.

        Raises:
          ValueError: a share is out of range.
        """
        for name, share in (("validation_share", validation_share), ("min_share", min_share)):
            if not 0 <= share <= (0.5 if name == "validation_share" else 1):
                limit = "0.5" if name == "validation_share" else "1"
                raise ValueError(
                    f"`{name}` must be between 0 and {limit}. Received: {name}={share}"
                )
        self.user_tags = user_tags
        self.validation_share = validation_share
        self.min_share = min_share
        self.seed = seed
        self._raw_set: raw_sets.RawSet | None = None
        self._paths: dict[str, str] = {}
        self._rows: dict[str, list[int]] = {}
        super().__init__(**kwargs)

    @property
    def parameters(self) -> dict[str, Any]:
        """The base's parameters and the options that change the records."""
        return {
            "user_tags": self.user_tags,
            "validation_share": self.validation_share,
            "seed": self.seed,
            **super().parameters,
        }

    def describe_published(self) -> str:
        """Returns the counts of the raw files beside the published ones."""
        return describe_raw_counts(self.info.metadata["raw_counts"])

    def check_raw_files(self, raw_dir: str | PathLike[str] | None) -> None:
        """Reads all lists and looks for the pictures, without opening them.

        Raises:
          ValueError: a file is missing or contradicts the others, or too many pictures are missing.
        """
        if self.variant == OFFICIAL:
            require_files(raw_dir, (raw_sets.TRAIN_LIST, raw_sets.TEST_LIST))
        raw_set = raw_sets.read_raw_set(raw_dir, self.user_tags)
        row_of = self._labelled_rows(raw_set)
        splits = self._draw_splits(epath.Path(raw_dir), list(row_of))
        paths = find_pictures(raw_dir, [raw_set.photos[row] for row in row_of.values()])
        missing = [raw_set.photos[row].name for i, row in row_of.items() if i not in paths]
        self._check_share(missing, len(row_of), fspath(raw_dir))
        used = set().union(*splits.values())
        for photo_id, row in row_of.items():
            if photo_id in used and photo_id not in paths:
                self.note("image missing", raw_set.photos[row].name)
        self.info.metadata["label_names"] = list(raw_set.concepts)
        self.info.metadata["raw_counts"] = count_raw_set(raw_set, len(paths))
        self._raw_set, self._paths = raw_set, paths
        self._rows = {
            split: [row_of[photo_id] for photo_id in sorted(ids) if photo_id in paths]
            for split, ids in splits.items()
        }

    def _labelled_rows(self, raw_set: raw_sets.RawSet) -> dict[str, int]:
        """Returns photo id -> its first row, for photos with a label."""
        rows: dict[str, int] = {}
        for row in np.flatnonzero(raw_set.labels.any(axis=1)).tolist():
            photo = raw_set.photos[row]
            if rows.setdefault(photo.photo_id, row) != row:
                self.note("photo listed twice, its first line used", photo.name)
        if not rows:
            raise ValueError("`raw_dir` must hold images with a label. Received: none with one")
        return rows

    def _draw_splits(self, raw_dir: epath.Path, photo_ids: list[str]) -> dict[str, set[str]]:
        if self.variant == OFFICIAL:
            lists = (
                read_image_list(raw_dir / name)
                for name in (raw_sets.TRAIN_LIST, raw_sets.TEST_LIST)
            )
            return official_splits(photo_ids, *lists, self.validation_share, self.seed)
        printed = self.variant == PRINTED
        return drawn_splits(photo_ids, printed, self.validation_share, self.seed)

    def _check_share(self, missing: list[str], num_labelled: int, raw_dir: str) -> None:
        """Raises a ValueError if too many pictures are missing, and lists them in a file."""
        num_found = num_labelled - len(missing)
        if num_found >= self.min_share * num_labelled:
            return
        path = epath.Path(self.data_dir).parent / MISSING_FILE
        write_lines(path, missing)
        share = num_found / num_labelled
        raise ValueError(
            f"`raw_dir` must hold {self.min_share:.0%} of the pictures of labelled images: "
            f"{num_found:,} of {num_labelled:,} were found ({share:.1%}), as "
            f"{NESTED}/<folder>/<file> or {FLAT}/<photo id>.jpg. The missing ones are listed in "
            f"{fspath(path)!r}. To prepare the set without them, set --min_share below "
            f"{share:.3f}. Received: raw_dir={raw_dir!r}, without {shown(missing)}"
        )

    def read_splits(self, folder: epath.Path) -> dict[str, Iterable[RawExample]]:
        """Reads the raw files."""
        if self._raw_set is None:
            self.check_raw_files(folder)
        return {split: self._raw_examples(folder, rows) for split, rows in self._rows.items()}

    def _raw_examples(self, folder: epath.Path, rows: list[int]) -> Iterator[RawExample]:
        for row in rows:
            photo = self._raw_set.photos[row]
            yield RawExample(
                image_id=photo.photo_id,
                path=folder / self._paths[photo.photo_id],
                file_name=photo.name,
                labels=tuple(
                    self._raw_set.concepts[i] for i in np.flatnonzero(self._raw_set.labels[row])
                ),
                user_tags=self._raw_set.user_tags[row],
                groups=(photo.folder,),
            )
