"""Annotation of pictures by an exported model, which only needs TensorFlow and Pillow.

Of an export for LiteRT, its runtime takes the place of TensorFlow, which is then not imported.

Example:
  import semreg_tf
  model = semreg_tf.load("runs/export")
  for annotation in model.annotate(["beach.jpg", "street.png"]):
      print(annotation.text, annotation.concepts[:3])
"""

import os
from pathlib import Path

from semreg_tf.files.export_info import FIX, INFO_FILE, LITERT, is_export, read_info
from semreg_tf.files.json_files import read_json_object
from semreg_tf.image_annotation import ImageAnnotation as ImageAnnotation
from semreg_tf.picture_model import PictureModel


class ExportedModel(PictureModel):
    """An exported model.

    Args:
      path: folder of the SavedModel.

    Raises:
      ValueError: the folder holds no export of this project or one of another version, or a file is
        missing, damaged or exchanged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        folder = Path(path)
        info = read_info(folder)
        if info.get("format") == LITERT:
            raise ValueError(
                "`path` must be a SavedModel here: an export for LiteRT annotates by "
                "`semreg_tf.load` and `annotate_images`. Export the run again without "
                f"`format`. Received: path={str(path)!r}"
            )
        import tensorflow as tf

        try:
            self._module = tf.saved_model.load(str(folder))
        except Exception as error:  # TensorFlow may raise any exception on damaged files.
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"`path` must hold a whole export: saved_model.pb or variables/ is missing or "
                f"damaged ({reason}). {FIX} Received: path={str(path)!r}"
            ) from error
        super().__init__(info, self._module.signatures)


def load(path: str | os.PathLike[str]) -> PictureModel:
    """Loads an exported model: a SavedModel, or a file of LiteRT.

    Raises:
      ValueError: as `ExportedModel`; or LiteRT's runtime is not installed.
    """
    if is_export(path):
        info = read_json_object(Path(path) / INFO_FILE, "path", FIX)
        if info.get("format") == LITERT:
            from semreg_tf.litert_model import LiteRTModel

            return LiteRTModel(path)
    return ExportedModel(path)
