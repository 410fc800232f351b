"""Finds prepared sets whose pictures were stored unturned, with their EXIF tag.

Preparation turns pictures upright. Sets prepared before it did so are read as they are, for the
runs trained on them; whether any of their pictures lie on their side is told when they are loaded.
"""

import logging

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from semreg_tf.data.picture_decoding import UnreadablePictureError, open_picture, orientation
from semreg_tf.data.record_reader import RecordReader

# In the metadata beside the shards: true where preparation turned pictures upright.
UPRIGHT_KEY = "pictures_upright"
_LOOKED_AT = 256
_log = logging.getLogger("semreg_tf")


def warn_of_sideways(info: tfds.core.DatasetInfo, split: str) -> None:
    """Logs a line where pictures of an older prepared set lie otherwise than they are shown.

    Args:
      info: of the prepared data set; nothing is read where it says that pictures are upright.
      split: a whole split, of which pictures all through it are looked at, 256 at most.
    """
    if (info.metadata or {}).get(UPRIGHT_KEY):
        return
    stored = info.splits[split]
    reader = RecordReader([str(path) for path in stored.filepaths], stored.shard_lengths)
    rows = np.unique(np.linspace(0, len(reader) - 1, _LOOKED_AT).astype(np.int64))
    feature = {"image": tf.io.FixedLenFeature([], tf.string)}
    pictures = tf.io.parse_example(reader.read(rows).tolist(), feature)["image"].numpy()
    turned = sum(map(_is_turned, pictures))
    if turned:
        _log.warning(
            "%s was prepared before pictures were stored upright: %d of %d pictures looked at in "
            "%r lie on their side or head, and are trained so, while annotation turns them. "
            "Prepare it anew in another folder.",
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
