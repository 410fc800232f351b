"""Annotating pictures with a LiteRT file: NumPy, Pillow and `ai-edge-litert`, no TensorFlow."""

import os
import threading
from pathlib import Path

import numpy as np

from semreg_tf.data.crop_sampling import sampled_centre
from semreg_tf.data.picture_decoding import UnreadablePictureError, open_picture, upright
from semreg_tf.files.export_info import read_info
from semreg_tf.files.json_files import read_json_object
from semreg_tf.picture_model import PictureModel

# A result that a search did not find has a lower score: LiteRT stores no minus infinity.
LOWEST_SCORE = -3e4
MODEL_FILE, DESCRIPTION_FILE = "model.tflite", "model.json"


class LiteRTModel(PictureModel):
    """An export for LiteRT; it annotates as a SavedModel's does.

    Attributes:
      description: what `model.json` says.
      folder: of the export.

    Args:
      path: folder of the export.
      num_threads: of the runtime; None: one a core.

    Raises:
      ValueError: as `ExportedModel`; or `ai-edge-litert` is not installed.

    Example:
      >>> model = LiteRTModel("runs/litert")
      >>> model.annotate(["beach.jpg"])[0].text
    """

    def __init__(self, path: str | os.PathLike[str], num_threads: int | None = None) -> None:
        self.folder = folder = Path(path)
        info = read_info(folder)
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise ValueError(
                "`path` holds an export for LiteRT, which needs its runtime: "
                f"pip install -e '.[litert]'. Received: path={str(path)!r}"
            ) from error
        self.description = read_json_object(folder / DESCRIPTION_FILE, "path")
        model = str(folder / MODEL_FILE)
        interpreter = Interpreter(model, num_threads=num_threads or os.cpu_count() or 1)
        signatures = interpreter.get_signature_list()
        self._runners = {name: interpreter.get_signature_runner(name) for name in signatures}
        self._lock = threading.Lock()
        self._tags = {tag: i for i, tag in enumerate(self.description["user_tags"])}
        self._words = np.array([w.encode() for w in self.description["words"]], object)
        self._concepts = np.array([[c.encode() for c in self.description["concepts"]]], object)
        names = ("serving_default", "serving_with_tags") if self._tags else ("serving_default",)
        super().__init__(info, dict.fromkeys(names, self.answer))

    def run(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs a signature of the file, see `exporting.litert_signatures`."""
        # An interpreter has one set of buffers.
        with self._lock:
            return self._runners[signature](**inputs)

    def pixels(self, encoded: bytes) -> np.ndarray:
        """Returns a picture as `image` of the signatures, (1, size, size, 3) float32.

        Raises:
          ValueError: it cannot be read.
        """
        with open_picture(encoded) as picture:
            whole = np.asarray(upright(picture))
        image = self.description["image"]
        return sampled_centre(whole, image["resized"], image["size"])[None]

    def answer(self, encoded: list[bytes], tags: list[str | None]) -> dict[str, np.ndarray]:
        """Returns what a SavedModel's signatures give, one picture after the other."""
        rows = [self._row(image, given) for image, given in zip(encoded, tags, strict=True)]
        whole = next((row for row in rows if row is not None), None)
        if whole is None:
            return {"valid": np.zeros(len(rows), bool), "concept_names": self._concepts}
        # What is said of a picture that cannot be read is never looked at.
        filled = [row if row is not None else whole for row in rows]
        outputs = {name: np.concatenate([row[name] for row in filled]) for name in whole}
        valid = np.array([row is not None for row in rows])
        return {**outputs, "valid": valid, "concept_names": self._concepts}

    def _row(self, encoded: bytes, tags: str | None) -> dict[str, np.ndarray] | None:
        try:
            inputs = {"image": self.pixels(encoded)}
        except UnreadablePictureError:
            return None
        more = {}
        if self._tags:
            inputs["user_tags"], unknown = self._known(tags or "")
            more = {} if tags is None else {"unknown_user_tags": unknown}
        signature = self.description["signature"]
        outputs = self.run(signature, **inputs)
        ids = outputs["token_ids"]
        there = ids >= 0
        words = np.where(there, self._words[np.maximum(ids, 0)], b"")
        if self.task == "tags":
            more |= {"labels": words, "label_scores": outputs["label_scores"]}
        separator = b", " if self.task == "tags" or signature == "top_k" else b" "
        texts = [separator.join(w[t]) for w, t in zip(words[0], there[0], strict=True)]
        return {
            **more,
            "annotations": np.array([texts], object),
            "scores": np.where(outputs["scores"] > LOWEST_SCORE, outputs["scores"], -np.inf),
            "concept_probabilities": outputs["concept_probabilities"],
        }

    def _known(self, tags: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns user tags as 0 and 1, (1, num_user_tags), and how many are unknown, (1,)."""
        hot, unknown = np.zeros((1, len(self._tags)), np.float32), 0
        for tag in filter(None, (part.strip() for part in tags.split(","))):
            place = self._tags.get(tag, self._tags.get(tag.lower()))
            if place is None:
                unknown += 1
            else:
                hot[0, place] = 1.0
        return hot, np.array([unknown], np.int32)
