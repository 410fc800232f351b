"""A data set of drawn scenes with captions, labels and noisy user tags, without a download."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from data_prep.annotation_builder import AnnotationBuilder
from data_prep.demo.drawing import draw_scene
from data_prep.demo.scenes import LABELS, sample_scene
from data_prep.demo.sentences import captions, user_tags
from data_prep.images import store_image
from semreg_tf.data.records import Annotation, example

SEED = 2017
NUM_IMAGES = {"train": 1_500, "validation": 250, "test": 250}


class Builder(AnnotationBuilder):
    """Drawn scenes; scene i depends only on the seed and i, so every process draws the same."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First scenes."}

    def __init__(
        self, *, num_images: dict[str, int] | None = None, seed: int = SEED, **kwargs: Any
    ) -> None:
        """Creates the builder.

        Args:
          num_images: split name -> number of images; None: `NUM_IMAGES`.
          seed: random seed of the scenes, captions and user tags.
          **kwargs: as for `AnnotationBuilder`.
        """
        self.num_images = dict(num_images or NUM_IMAGES)
        self.seed = seed
        super().__init__(**kwargs)

    @property
    def parameters(self) -> dict[str, Any]:
        """The base's parameters, the numbers of images and the seed."""
        return {"num_images": self.num_images, "seed": self.seed, **super().parameters}

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        self.info.metadata["label_names"] = list(LABELS)
        first, generators = 0, {}
        for split, num_images in self.num_images.items():
            generators[split] = self._generate_examples(first, num_images)
            first += num_images
        return generators

    def _generate_examples(
        self, first: int, num_images: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for number in range(first, first + num_images):
            rng = np.random.default_rng([self.seed, number])
            scene = sample_scene(rng)
            image_id = f"demo_{number:05d}"
            image = store_image(draw_scene(scene, rng), self.shorter_side).jpeg
            annotation = Annotation(
                image_id,
                f"{image_id}.jpg",
                captions=tuple(captions(scene, rng)),
                labels=scene.labels,
                user_tags=tuple(user_tags(scene, rng)),
                groups=(scene.theme,),
            )
            yield image_id, example(image, annotation)
