"""An exported model with a name and a version, as in TensorFlow Serving."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf import saved_model_pb2

from semreg_tf.inference import ExportedModel
from semreg_tf.serving.limits import Refusal

# The input that holds encoded pictures; other strings are text.
PICTURES = "images"
# The output that is true for pictures that could be decoded.
VALID = "valid"
_DAMAGED = "The picture is damaged: TensorFlow cannot decode it."


@dataclass(frozen=True)
class Signature:
    """A signature of the SavedModel.

    Attributes:
      name: its name, the `signature_name` of requests.
      inputs: by name, None for a string, or the width of a row of floats.
    """

    name: str
    inputs: Mapping[str, int | None]


class ServedModel:
    """An exported model with the name and version of its folder.

    `models/beach/3` is version 3 of "beach"; `runs/export` is version 1 of "export"; of a folder of
    numbered folders the highest version is loaded.

    Args:
      path: folder of the SavedModel, or of numbered ones.
      name: the model's name; None: the folder's.

    Raises:
      ValueError: the folder holds no export, or the name is not valid in a URL.

    Example:
      >>> model = ServedModel("runs/export")
      >>> model.predict("serving_default", [{"images": picture_bytes}])[0]["annotations"]
      ['a dog runs on the beach']
    """

    def __init__(self, path: str | Path, name: str | None = None) -> None:
        self.path = _latest_version(Path(path).resolve())
        numbered = self.path.name.isdecimal()
        self.version = int(self.path.name) if numbered else 1
        self.name = name or (self.path.parent if numbered else self.path).name
        if not re.fullmatch(r"[\w.-]+", self.name, re.ASCII):
            raise ValueError(
                "`name` must be letters, digits, `.`, `_` and `-`. Received: "
                f"name={self.name!r} of {path}"
            )
        self.exported = ExportedModel(self.path)
        self.info = self.exported.info
        self.signatures = {
            name: Signature(
                name,
                {
                    key: None if spec.dtype == tf.string else spec.shape[-1]
                    for key, spec in signature.structured_input_signature[1].items()
                },
            )
            for name, signature in self.exported.signatures.items()
        }

    def predict(self, signature: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Runs a signature on a batch of rows: bytes, str or lists of floats by input name.

        Returns:
          For each row its outputs by name as JSON values, or a `Refusal` if TensorFlow cannot
          decode its picture.
        """
        inputs = {key: tf.constant([row[key] for row in rows]) for key in rows[0]}
        outputs = self.exported.signatures[signature](**inputs)
        columns = {key: json_values(value.numpy()) for key, value in outputs.items()}
        decoded = columns.get(VALID, [True] * len(rows))
        return [
            {key: column[i] for key, column in columns.items()}
            if decoded[i]
            else Refusal(422, _DAMAGED)
            for i in range(len(rows))
        ]

    def card(self) -> Path | None:
        """Returns the path of the export's model card, or None."""
        path = self.path / "MODEL.md"
        return path if path.is_file() else None

    def metadata(self) -> dict[str, Any]:
        """Returns the model's metadata in the format of TensorFlow Serving's `/metadata`."""
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString((self.path / "saved_model.pb").read_bytes())
        signatures = {
            name: MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in saved.meta_graphs[0].signature_def.items()
            if not name.startswith("__")
        }
        spec = {"name": self.name, "signature_name": "", "version": str(self.version)}
        return {
            "model_spec": spec,
            "metadata": {"signature_def": {"signature_def": signatures}},
        }

    def names(self, file: str, most: int) -> tuple[list[str], int]:
        """Returns the first names in a file of the export, and the number of all its names.

        Args:
          file: "user_tags.txt", "concepts.txt" or "vocabulary.txt"; in an export of two runs, the
            tag model's files are "tags/user_tags.txt" and so on.
          most: number of names to return.
        """
        path = next(self.path.glob(f"assets*/{file}"), None)
        if path is None:
            return [], 0
        lines = path.read_text(encoding="utf-8").splitlines()
        # The first line is a header.
        names = [line.split("\t")[0] for line in lines[1:]]
        return names[:most], len(names)


def json_values(array: np.ndarray) -> Any:
    """Returns an array as nested lists of JSON values: text for bytes, None for infinities.

    Example:
      >>> json_values(np.array([[1.5, -np.inf]]))
      [[1.5, None]]
    """
    if array.dtype == object:
        return np.vectorize(lambda b: b.decode("utf-8", "replace"), otypes=[object])(array).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return np.where(np.isfinite(array), array, None).tolist()
    return array.tolist()


def _latest_version(path: Path) -> Path:
    if (path / "saved_model.pb").exists() or not path.is_dir():
        return path
    versions = [p for p in path.iterdir() if p.name.isdecimal() and p.is_dir()]
    return max(versions, key=lambda p: int(p.name), default=path)
