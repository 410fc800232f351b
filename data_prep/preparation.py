"""From a builder to a folder that training reads: shards, annotations, vocabulary, counts.

The steps run in this order, each is whole or absent, and a second start goes on where a killed
one stopped; `dataset_counts.json` comes last and says that all is there.
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
from data_prep.dataset_counts import describe_counts, read_counts, write_counts
from data_prep.vocabulary_lists import build_vocabulary
from semreg_tf.data.annotations import write_annotations
from semreg_tf.data.stored_orientation import UPRIGHT_KEY
from semreg_tf.data.text import EARLIEST_TOKENIZER
from semreg_tf.files.file_lock import FileLock

# What a disk, a quota or a limit on a file's size says when it is full.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def prepare(
    builder: AnnotationBuilder,
    raw_dir: str | PathLike[str] | None = None,
    beam_pipeline_options: Sequence[str] = (),
) -> None:
    """Prepares a data set and prints its counts; what is there already is not made again.

    Args:
      builder: the data set's builder; its `data_dir` is where everything goes.
      raw_dir: the folder of the official files, for builders that read any.
      beam_pipeline_options: where given, Apache Beam makes the records, as these options say
        (`runner=FlinkRunner`, ...); otherwise this machine does, with all its cores.

    Raises:
      ValueError: the raw files cannot be read, the folder holds shards of other parameters,
        another preparation of it is running, or Beam is wanted and not installed.
      OSError: the disk is full or read-only; the same command goes on when there is room.
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
        if read_counts(builder.data_dir) is None:
            print("Writing annotations, vocabulary and counts")
            write_annotations(builder)
            build_vocabulary(builder.data_dir)
            write_counts(builder.data_dir)
    print(describe_counts(read_counts(builder.data_dir) or {}))
    if not builder.info.metadata.get(UPRIGHT_KEY):
        print(
            "It was prepared when pictures were stored as they lie in their files: prepare it "
            "anew to have those turned upright whose EXIF orientation says so"
        )
    print(f"Prepared in {builder.data_dir}")


def preparation_lock(builder_dir: str | PathLike[str]) -> contextlib.AbstractContextManager:
    """Returns a lock that ends with the process, so that nobody clears away another's work.

    A bucket has none.

    Raises:
      ValueError: another process prepares the data set.
    """
    folder = os.fspath(epath.Path(builder_dir).parent)
    if "://" in folder:
        return contextlib.nullcontext()
    return FileLock(os.path.join(folder, ".lock"), "data_dir", folder)


@contextlib.contextmanager
def _full_disk_named(builder: AnnotationBuilder) -> Iterator[None]:
    """Names the folder where TensorFlow's or TFDS's writers meet a full disk."""
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
    """Lends Beam's workers a folder, whose name is one of what an interrupted run leaves."""
    target = epath.Path(builder.data_dir)
    builder.beam_folder = target.parent / f"incomplete.beam_{target.name}"
    try:
        yield
    finally:
        if builder.beam_folder.exists():
            builder.beam_folder.rmtree()
        builder.beam_folder = None


def _remove_interrupted(builder: AnnotationBuilder) -> None:
    """Removes the shards that a killed run left unfinished beside the version's folder."""
    target = epath.Path(builder.data_dir)
    for path in target.parent.glob(f"incomplete.*_{target.name}"):
        print(f"Removing what an interrupted preparation left: {path}")
        path.rmtree()


def _check_parameters(builder: AnnotationBuilder) -> None:
    # Shards of before there was a choice say nothing of it.
    stored = {"tokenizer": EARLIEST_TOKENIZER, **builder.info.metadata["parameters"]}
    wanted = builder.parameters
    if builder.chosen_tokenizer is None:
        wanted["tokenizer"] = stored["tokenizer"]
    if stored != wanted:
        raise ValueError(
            f"`data_dir` holds {builder.name!r} prepared with {stored}: choose another folder, or "
            f"delete {os.fspath(builder.data_dir)!r}. Received: {wanted}"
        )
