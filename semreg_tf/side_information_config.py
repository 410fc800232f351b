"""Concept heads that read more than the picture: its neighbours by user tags, layers of concepts.

None of the two papers could be read beyond its first page. What is said to be from the literature
is known so, not verified; the rest is ours.
"""

from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class NeighbourConfig(Checked):
    """Scores from a picture and the pictures of like user tags (Johnson et al. 2015)."""

    # M, the nearest by the Jaccard similarity of user tags (literature).
    count: int = number(6, 1)
    # m: a neighbourhood is as many of them. Training draws one at random at each step, a test takes
    # the mean score of all, 20 for 3 of 6 (literature).
    drawn: int = number(3, 1)
    # h, the width of each hidden layer (literature).
    hidden_units: int = number(500, 1)
    # Of the hidden layers (literature, unsure).
    dropout: float = number(0.5, 0.0, 0.99)
    # Where neighbours are sought: "split": among the pictures of the same split, at a test the
    # other test pictures (literature); "train": among the training pictures, always (ours).
    pool: Literal["split", "train"] = "split"
    # How the picture's tags reach the scores beside the neighbours: "hidden": by a ReLU layer of
    # `hidden_units` (ours, for the papers do not say); "raw": as they are; "none": not at all.
    tag_vector: Literal["hidden", "raw", "none"] = "hidden"


@config_class
class ConceptLayersConfig(Checked):
    """Scores from layers of concepts that pass messages to each other (Hu et al. 2016).

    The layers are, coarse to fine, groups (`data.num_groups`), labels, user tags
    (`data.num_user_tags`).
    """

    # "signed": positive and negative relations apart, each through a ReLU of its own (literature);
    # "signed_sum": one ReLU of the sum of each sign (ours); "linear": their linear form, full
    # matrices without a graph (literature).
    form: Literal["signed", "signed_sum", "linear"] = "signed"
    # Layers whose truth is given, in training and at a test; of the labels it never is. A layer
    # that is not observed is predicted, and trained by its own Lu (literature).
    observed: tuple[Literal["groups", "user_tags"], ...] = ("groups", "user_tags")
    # What an observed concept scores: log((1 - e) / e), 5.293, or its negative (literature).
    observed_epsilon: float = number(0.005, 1e-6, 0.499)
    # Two concepts are related where their PMI (natural logarithm) is above this and they occur
    # together in so many training pictures (ours: the paper takes WordNet and names no threshold).
    positive_pmi: float = number(0.5, -100.0)
    positive_pictures: int = number(10, 1)
    # They exclude each other where they never occur together, and more than so many such pictures
    # were to be expected (ours).
    negative_expected: float = number(5.0, 0.0)


class SideInformation:
    """What a `Config` says of the models' reading of user tags, groups and neighbours."""

    @property
    def observed_layers(self) -> tuple[str, ...]:
        """Of the layers of concepts, those whose truth the models are given."""
        return self._layers(observed=True)

    @property
    def predicted_layers(self) -> tuple[str, ...]:
        """Of the layers of concepts beside the labels, those that are predicted."""
        return self._layers(observed=False)

    def _layers(self, observed: bool) -> tuple[str, ...]:
        sizes = {"groups": self.data.num_groups, "user_tags": self.data.num_user_tags}
        layers = self.concepts.layers
        there = () if layers is None else (name for name, size in sizes.items() if size)
        return tuple(name for name in there if (name in layers.observed) == observed)

    @property
    def has_tag_model(self) -> bool:
        """True where the user tags have a perceptron of their own (Sec. 4.1)."""
        plain = self.concepts.neighbours is None and self.concepts.layers is None
        return plain and self.data.num_user_tags > 0

    @property
    def reads_user_tags(self) -> bool:
        """True where the models are given a picture's own user tags."""
        if self.concepts.neighbours is not None:
            return self.concepts.neighbours.tag_vector != "none"
        return self.has_tag_model or "user_tags" in self.observed_layers

    def check_side_information(self) -> None:
        """Refuses heads that are given nothing to read, and two heads in one."""
        neighbours, tags = self.concepts.neighbours, self.data.num_user_tags
        given = [neighbours is not None, self.concepts.layers is not None]
        if sum([*given, self.concepts.hidden_units > 0]) > 1:
            raise ValueError(
                "`concepts` may have one of `neighbours`, `layers` and `hidden_units` above 0: "
                "each is a head of its own. Received: "
                f"neighbours={neighbours}, layers={self.concepts.layers}, "
                f"hidden_units={self.concepts.hidden_units}"
            )
        if neighbours is not None and (self.encoder.trainable or not tags):
            raise ValueError(
                "`concepts.neighbours` needs `encoder.trainable` False, for the neighbours' "
                "features are cached, and `data.num_user_tags` above 0, by which they are found. "
                f"Received: encoder.trainable={self.encoder.trainable}, data.num_user_tags={tags}"
            )
        if neighbours is not None and neighbours.drawn > neighbours.count:
            raise ValueError(
                "`concepts.neighbours.drawn` must be at most `count`, the neighbours it is drawn "
                f"from. Received: drawn={neighbours.drawn}, count={neighbours.count}"
            )
        if self.data.num_groups and self.concepts.layers is None:
            raise ValueError(
                "`data.num_groups` may be above 0 only where `concepts.layers` reads groups. "
                f"Received: data.num_groups={self.data.num_groups}"
            )
        if self.unary.part == "tags" and not self.has_tag_model:
            raise ValueError(
                "`unary.part` may be 'tags' only where `data.num_user_tags` is above 0 and the "
                "tags have a perceptron of their own. Received: unary.part='tags', "
                f"data.num_user_tags={self.data.num_user_tags}"
            )
