"""A warning for data sets whose images are stored with an EXIF orientation, not upright.

Preparation stores images upright. Data sets prepared by earlier versions are read unchanged, so
that runs trained on them stay valid, with a warning if any of their images are not upright.
"""

import logging

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.data.picture_decoding import UnreadablePictureError, open_picture, orientation
from semreg_tf.data.record_reader import RecordReader

# The metadata field that is true if preparation stored images upright.
UPRIGHT_KEY = "pictures_upright"
_NUM_CHECKED = 256
_log = logging.getLogger("semreg_tf")


def warn_of_sideways(info: tfds.core.DatasetInfo, split: str) -> None:
    """Logs a warning if images of a data set prepared by an earlier version are not upright.

    No image is read if `info` says that all are upright; otherwise 256 evenly spaced images of the
    split are checked.
    """
    if (info.metadata or {}).get(UPRIGHT_KEY):
        return
    stored = info.splits[split]
    reader = RecordReader([str(path) for path in stored.filepaths], stored.shard_lengths)
    rows = np.unique(np.linspace(0, len(reader) - 1, _NUM_CHECKED).astype(np.int64))
    feature = {"image": tf.io.FixedLenFeature([], tf.string)}
    pictures = tf.io.parse_example(reader.read(rows).tolist(), feature)["image"].numpy()
    turned = sum(map(_is_turned, pictures))
    if turned:
        _log.warning(
            "%s was prepared before pictures were stored upright: %d of %d checked pictures of %r "
            "are not upright in training, but annotation rotates them. Prepare it again in another "
            "folder.",
            info.full_name,
            turned,
            len(pictures),
            split,
        )


def _is_turned(picture: bytes) -> bool:
    try:
        with open_picture(picture) as image:
            return orientation(image) != 1
    except UnreadablePictureError:
        return False
