"""Preparation of a data set: shards, annotations, vocabulary, counts.

The steps run in this order. Each one is atomic, and after an interruption the same command
continues; `dataset_counts.json` is written last and marks a finished preparation.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from os import PathLike

import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from data_prep.annotation_builder import AnnotationBuilder
from data_prep.beam_records import pipeline_options
from data_prep.dataset_counts import describe_counts, write_counts
from data_prep.vocabulary_lists import build_vocabulary
from semreg_tf.data.annotations import write_annotations
from semreg_tf.data.dataset_digests import read_counts_file
from semreg_tf.data.stored_orientation import UPRIGHT_KEY
from semreg_tf.data.text import EARLIEST_TOKENIZER
from semreg_tf.files.file_lock import FileLock

# Error codes of a full disk, an exceeded quota and an exceeded file size.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def prepare(
    builder: AnnotationBuilder,
    raw_dir: str | PathLike[str] | None = None,
    beam_pipeline_options: Sequence[str] = (),
) -> None:
    """Prepares a data set and prints its counts; finished steps are not repeated.

    Args:
      builder: the data set's builder, whose `data_dir` is written.
      raw_dir: the folder of the raw files, for builders that read any.
      beam_pipeline_options: options of Apache Beam, such as `runner=FlinkRunner`; empty: the
        records are created by this machine with all its cores.

    Raises:
      ValueError: the raw files cannot be read, the folder holds shards of other parameters or raw
        files, another preparation is running, or Beam is not installed.
      OSError: the disk is full or read-only; run the same command again to continue.
    """
    beam_options = pipeline_options(beam_pipeline_options) if beam_pipeline_options else None
    with preparation_lock(builder.data_dir), _full_disk_named(builder):
        if not builder.is_prepared():
            builder.check_raw_files(raw_dir)
            _remove_interrupted(builder)
            with _beam_folder(builder) if beam_options else contextlib.nullcontext():
                builder.download_and_prepare(
                    download_config=tfds.download.DownloadConfig(
                        manual_dir=raw_dir, try_download_gcs=False, beam_options=beam_options
                    )
                )
        _check_parameters(builder)
        builder.check_unchanged(raw_dir)
        if read_counts_file(builder.data_dir) is None:
            print("Writing annotations, vocabulary and counts")
            write_annotations(builder)
            build_vocabulary(builder.data_dir)
            write_counts(builder.data_dir)
    print(describe_counts(read_counts_file(builder.data_dir) or {}))
    if not builder.info.metadata.get(UPRIGHT_KEY):
        print(
            "An earlier version prepared this data set, without rotating pictures by their EXIF "
            "orientation: prepare it again in another folder to have them upright"
        )
    print(f"Prepared in {builder.data_dir}")


def preparation_lock(builder_dir: str | PathLike[str]) -> contextlib.AbstractContextManager:
    """Returns a lock, so that two processes do not prepare the same data set.

    Buckets have no locks.

    Raises:
      ValueError: another process prepares the data set.
    """
    folder = os.fspath(epath.Path(builder_dir).parent)
    if "://" in folder:
        return contextlib.nullcontext()
    return FileLock(os.path.join(folder, ".lock"), "data_dir", folder)


@contextlib.contextmanager
def _full_disk_named(builder: AnnotationBuilder) -> Iterator[None]:
    """Replaces errors of TensorFlow's and TFDS's writers on a full disk by one that names it."""
    try:
        yield
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        # TFDS wraps some in a RuntimeError.
        causes = (error, error.__cause__, error.__context__)
        if not any(isinstance(e, tf.errors.OpError) or _is_full(e) for e in causes):
            raise
        raise OSError(
            "`data_dir` could not take the data set: make room and start the same command again. "
            f"Received: data_dir={os.fspath(builder.data_dir)!r} ({str(error).splitlines()[0]})"
        ) from error


def _is_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


@contextlib.contextmanager
def _beam_folder(builder: AnnotationBuilder) -> Iterator[None]:
    """Sets a temporary folder for Beam's workers, which `_remove_interrupted` removes too."""
    target = epath.Path(builder.data_dir)
    builder.beam_folder = target.parent / f"incomplete.beam_{target.name}"
    try:
        yield
    finally:
        if builder.beam_folder.exists():
            builder.beam_folder.rmtree()
        builder.beam_folder = None


def _remove_interrupted(builder: AnnotationBuilder) -> None:
    """Removes unfinished shards of an interrupted preparation."""
    target = epath.Path(builder.data_dir)
    for path in target.parent.glob(f"incomplete.*_{target.name}"):
        print(f"Removing what an interrupted preparation left: {path}")
        path.rmtree()


def _check_parameters(builder: AnnotationBuilder) -> None:
    # Shards of earlier versions do not store their tokenizer.
    stored = {"tokenizer": EARLIEST_TOKENIZER, **builder.info.metadata["parameters"]}
    parameters = builder.parameters
    if builder.chosen_tokenizer is None:
        parameters["tokenizer"] = stored["tokenizer"]
    if stored != parameters:
        raise ValueError(
            f"`data_dir` holds {builder.name!r} prepared with {stored}: choose another folder, or "
            f"delete {os.fspath(builder.data_dir)!r} and the work directories of runs that it "
            f"trained. Received: {parameters}"
        )
