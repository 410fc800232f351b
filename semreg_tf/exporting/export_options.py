"""What is asked of an export of runs; checked before TensorFlow is imported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semreg_tf.files.export_info import LITERT
from semreg_tf.reranking_config import check_unchanged

FORMATS = ("savedmodel", LITERT)


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `export_run`.

    Attributes:
      num_results: number of sequences in an answer; None: the beam width.
      weights_dtype: dtype of the matrices on disk.
      format: "savedmodel", or "litert": a file for phones and browsers.
      compare_on: a split on which the scores of run and export are compared for the card, or None.
      data_dir: the folder of prepared data sets, required to compare.
      overrides: overrides of the decoding, such as "decoding.block_unknown=true"; with two models
        those of the tag model begin with "labels.", as "labels.decoding.max_steps=9".
      also: writes further files beside a LiteRT file, see `export_litert`.

    Raises:
      ValueError: an unknown format, a split to compare on without `data_dir`, an option that the
        format does not have, or overrides of the reranking.
    """

    num_results: int | None = None
    weights_dtype: str = "float32"
    format: str = FORMATS[0]
    compare_on: str | None = None
    data_dir: str | Path | None = None
    overrides: Sequence[str] = ()
    also: Callable[[Path, dict[str, Any]], None] | None = None

    def __post_init__(self) -> None:
        check_unchanged(self.overrides, "an export")
        if self.format not in FORMATS:
            raise ValueError(
                f"`format` must be one of {', '.join(map(repr, FORMATS))}. "
                f"Received: format={self.format!r}"
            )
        if self.format == LITERT and self.compare_on is not None:
            raise ValueError(
                "`compare_on` has no use with format=litert: compare the run's SavedModel. "
                f"Received: compare_on={self.compare_on!r}"
            )
        if self.format != LITERT and self.also is not None:
            raise ValueError(
                f"`also` has a use with format=litert alone. Received: format={self.format!r}"
            )
        if self.compare_on is not None and self.data_dir is None:
            raise ValueError(
                "`data_dir` must be given to compare scores. "
                f"Received: data_dir=None, compare_on={self.compare_on!r}"
            )

    def check_number(self, num_runs: int) -> None:
        """Refuses a number of runs that cannot be written into one export.

        Raises:
          ValueError: not one run, or two for a SavedModel without a comparison.
        """
        if num_runs > 1 and self.format == LITERT:
            raise ValueError(
                "`format` litert takes one `workdir`: write one file a model. "
                f"Received: {num_runs} folders"
            )
        if num_runs > 1 and self.compare_on is not None:
            raise ValueError(
                "`compare_on` may be given with one `workdir`: compare each run's own export. "
                f"Received: compare_on={self.compare_on!r}, {num_runs} folders"
            )
        if num_runs not in (1, 2):
            raise ValueError(
                "`workdir` may be given once, or twice for a run on captions and a run on tags. "
                f"Received: {num_runs} work directories"
            )
