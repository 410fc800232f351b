"""The places of an image that the concept head scores, and the pooling of their scores."""

from typing import Annotated, Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class PlacesConfig(Checked):
    """The inputs of the prediction layer of Sec. 3.2."""

    # "image": the whole image (Sec. 3.2); "cells": each cell of the CNN's map (Fang et al. 2015);
    # "crops": the image and crops of it (Wu et al. 2016; fixed crops replace their object
    # proposals: ours).
    kind: Literal["image", "cells", "crops"] = "image"
    # Pooling of a concept's scores over places: the "max" of its logits (Wu et al. 2016), or
    # "noisy_or", P = 1 - prod (1 - p) (Fang et al. 2015).
    pooling: Literal["max", "noisy_or"] = "max"
    # For kind "crops": n x n crops for each n, each 1.5 cells of that grid wide (ours).
    crop_grids: tuple[Annotated[int, number(..., 2, 16)], ...] = (2, 3, 6)

    def check(self) -> None:
        """Refuses an empty or repeated list of grids."""
        if not self.crop_grids or len(set(self.crop_grids)) < len(self.crop_grids):
            raise ValueError(
                "`crop_grids` must hold at least one number, each once. "
                f"Received: crop_grids={self.crop_grids}"
            )
