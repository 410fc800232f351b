"""Which places of a picture the concept head scores, and how their scores become one."""

from typing import Annotated, Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class PlacesConfig(Checked):
    """What the prediction layer of Sec. 3.2 is applied to."""

    # The whole "image" (Sec. 3.2); each of the "cells" of the CNN's map (Fang et al. 2015); the
    # image and "crops" of it (Wu et al. 2016, whose object proposals fixed crops replace: ours).
    kind: Literal["image", "cells", "crops"] = "image"
    # A concept's score of all places: the "max" of its logits (Wu et al. 2016), or "noisy_or",
    # P = 1 - prod (1 - p) (Fang et al. 2015).
    pooling: Literal["max", "noisy_or"] = "max"
    # Of "crops": n x n of them for each n, each 1.5 cells of that grid wide (ours).
    crop_grids: tuple[Annotated[int, number(..., 2, 16)], ...] = (2, 3, 6)

    def check(self) -> None:
        """Refuses no grids of crops, and a grid twice."""
        if not self.crop_grids or len(set(self.crop_grids)) < len(self.crop_grids):
            raise ValueError(
                "`crop_grids` must hold at least one number, each once. "
                f"Received: crop_grids={self.crop_grids}"
            )
