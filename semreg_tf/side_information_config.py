"""Configs of concept heads with more inputs than the image: neighbours, layers of concepts.

Only the first page of either paper was available. "Literature" marks what is known from other
sources and not verified; the rest is ours.
"""

from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class NeighbourConfig(Checked):
    """Scores from an image and from images with similar user tags (Johnson et al. 2015)."""

    # M, the number of nearest images by the Jaccard similarity of user tags (literature).
    count: int = number(6, 1)
    # m, the number of images in a neighbourhood. Training draws one neighbourhood at random at each
    # step; evaluation averages the scores of all, 20 for 3 of 6 (literature).
    drawn: int = number(3, 1)
    # h, the width of each hidden layer (literature).
    hidden_units: int = number(500, 1)
    # Dropout rate of the hidden layers (literature, uncertain).
    dropout: float = number(0.5, 0.0, 0.99)
    # Images that may be neighbours: "split": those of the same split, so that test images have test
    # images as neighbours (literature); "train": training images only (ours).
    pool: Literal["split", "train"] = "split"
    # How the image's own user tags are read: "hidden": through a ReLU layer of `hidden_units`
    # (ours, as the papers do not say); "raw": unchanged; "none": not at all.
    tag_vector: Literal["hidden", "raw", "none"] = "hidden"


@config_class
class ConceptLayersConfig(Checked):
    """Scores from layers of concepts that pass messages to each other (Hu et al. 2016).

    The layers from coarse to fine are groups (`data.num_groups`), labels, and user tags
    (`data.num_user_tags`).
    """

    # "signed": a ReLU for each positive and each negative relation (literature); "signed_sum": a
    # ReLU for the sum of each sign (ours); "linear": their linear form, with full matrices and no
    # graph (literature).
    form: Literal["signed", "signed_sum", "linear"] = "signed"
    # Layers whose ground truth is an input, in training and evaluation. Other layers, except the
    # labels, are predicted and trained by their own Lu (literature).
    observed: tuple[Literal["groups", "user_tags"], ...] = ("groups", "user_tags")
    # e of the score of an observed concept, log((1 - e) / e) = 5.293 if it is present, else the
    # negative (literature).
    observed_epsilon: float = number(0.005, 1e-6, 0.499)
    # Two concepts have a positive relation if their PMI (natural logarithm) exceeds this (ours: the
    # paper uses WordNet and states no threshold).
    positive_pmi: float = number(0.5, -100.0)
    # Two concepts have a positive relation only if they occur together in at least so many training
    # images (ours).
    positive_pictures: int = number(10, 1)
    # Two concepts have a negative relation if they never occur together, although more than so many
    # such images were to be expected (ours).
    negative_expected: float = number(5.0, 0.0)


class SideInformation:
    """Properties of a `Config` about user tags, groups and neighbours as inputs."""

    @property
    def observed_layers(self) -> tuple[str, ...]:
        """The layers of concepts whose ground truth is an input."""
        return self._layers(observed=True)

    @property
    def predicted_layers(self) -> tuple[str, ...]:
        """The layers of concepts, except the labels, that are predicted."""
        return self._layers(observed=False)

    def _layers(self, observed: bool) -> tuple[str, ...]:
        sizes = {"groups": self.data.num_groups, "user_tags": self.data.num_user_tags}
        layers = self.concepts.layers
        names = () if layers is None else (name for name, size in sizes.items() if size)
        return tuple(name for name in names if (name in layers.observed) == observed)

    @property
    def has_tag_model(self) -> bool:
        """Whether user tags are read by a separate perceptron (Sec. 4.1)."""
        plain = self.concepts.neighbours is None and self.concepts.layers is None
        return plain and self.data.num_user_tags > 0

    @property
    def reads_user_tags(self) -> bool:
        """Whether an image's user tags are an input of the model."""
        if self.concepts.neighbours is not None:
            return self.concepts.neighbours.tag_vector != "none"
        return self.has_tag_model or "user_tags" in self.observed_layers

    def check_side_information(self) -> None:
        """Refuses heads whose inputs do not exist, and more than one kind of head."""
        neighbours, tags = self.concepts.neighbours, self.data.num_user_tags
        kinds = [neighbours is not None, self.concepts.layers is not None]
        if sum([*kinds, self.concepts.hidden_units > 0]) > 1:
            raise ValueError(
                "`concepts` may have one of `neighbours`, `layers` and `hidden_units` above 0: "
                "each is another kind of head. Received: "
                f"neighbours={neighbours}, layers={self.concepts.layers}, "
                f"hidden_units={self.concepts.hidden_units}"
            )
        if neighbours is not None and (self.encoder.trainable or not tags):
            raise ValueError(
                "`concepts.neighbours` needs `encoder.trainable` False, because the neighbours' "
                "features are cached, and `data.num_user_tags` above 0, to find neighbours. "
                f"Received: encoder.trainable={self.encoder.trainable}, data.num_user_tags={tags}"
            )
        if neighbours is not None and neighbours.drawn > neighbours.count:
            raise ValueError(
                "`concepts.neighbours.drawn` must be at most `count`, the number of neighbours. "
                f"Received: drawn={neighbours.drawn}, count={neighbours.count}"
            )
        if self.data.num_groups and self.concepts.layers is None:
            raise ValueError(
                "`data.num_groups` may be above 0 only where `concepts.layers` reads groups. "
                f"Received: data.num_groups={self.data.num_groups}"
            )
        if self.unary.part == "tags" and not self.has_tag_model:
            raise ValueError(
                "`unary.part` may be 'tags' only where `data.num_user_tags` is above 0 and a "
                "separate perceptron reads them. Received: unary.part='tags', "
                f"data.num_user_tags={self.data.num_user_tags}"
            )
