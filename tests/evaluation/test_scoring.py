"""Label sets of a CNN and of sequences, and the metric that chooses the best checkpoint."""

from types import SimpleNamespace

import numpy as np
import pytest

from semreg_tf.config import DataConfig
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.name_list import NameList
from semreg_tf.data.targets import encode_annotations
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.evaluation import scoring
from semreg_tf.evaluation.predictions import Predictions

LABELS = NameList(("sky", "sea", "dog"), (9, 5, 2))
PROBABILITIES = np.array([[0.5, 0.49, 0.9], [0.2, 0.2, 0.1]], np.float32)


@pytest.fixture
def split():
    """Two images: sky and dog; sea."""
    annotations = [
        Annotation("0", "0.jpg", ("a dog",), (("a", "dog"),), ("sky", "dog")),
        Annotation("1", "1.jpg", labels=("sea",)),
    ]
    vocabularies = Vocabularies(Vocabulary(LABELS, "labels"), LABELS)
    encoded = encode_annotations(annotations, vocabularies, DataConfig(task="tags"))
    return SimpleNamespace(
        tokenizer="ptb", annotations=annotations, encoded=encoded, vocabularies=vocabularies
    )


def predictions(*sequences):
    scores = [[0.0] * len(ranked) for ranked in sequences]
    return Predictions(["0", "1"], list(sequences), scores, PROBABILITIES)


def test_top_labels_are_as_many_as_asked_and_ties_go_to_the_lower_id():
    made = scoring.top_k_labels(PROBABILITIES, 1)
    assert made.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert scoring.top_k_labels(PROBABILITIES, 3).sum() == 6
    with pytest.raises(ValueError, match=r"`k` must not exceed .* 3\. Received: k=4"):
        scoring.top_k_labels(PROBABILITIES, 4)


def test_cuts_of_more_labels_than_there_are_take_all():
    cuts = scoring.cnn_cuts(PROBABILITIES, (2, 5), 0.2)
    assert list(cuts)[:2] == ["CNN top 2", "CNN top 3"]
    assert cuts["CNN top 3"].all()


def test_a_cut_takes_what_reaches_it_in_the_precision_of_the_probabilities():
    cuts = scoring.cnn_cuts(PROBABILITIES, (1, 2), 0.2, "this very split")
    assert cuts.pop("CNN top 1").tolist() == [[0, 0, 1], [1, 0, 0]]
    names = ["CNN top 2", "CNN cut at 0.5", "CNN cut at 0.20 (best on this very split)"]
    assert list(cuts) == names
    assert cuts[names[0]].tolist() == [[1, 0, 1], [1, 1, 0]]
    assert cuts[names[1]].tolist() == [[1, 0, 1], [0, 0, 0]]
    # 0.2 as float32 is above 0.2 as float64, and 0.9 below: neither may matter.
    assert cuts[names[2]].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert scoring.cnn_cuts(PROBABILITIES, (2,), 0.9)["CNN cut at 0.90 (best on validation)"][0, 2]


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, [[0, 0, 1], [0, 1, 0]]),
        (2, [[1, 0, 1], [1, 1, 0]]),
        (3, [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_a_fixed_length_keeps_given_labels_and_adds_the_most_probable(k, expected):
    """Of the first image sky and dog are given, of the second sea, which the CNN ranks second."""
    given = np.array([[1, 0, 1], [0, 1, 0]], np.uint8)
    assert scoring.fixed_length_labels(given, PROBABILITIES, k).tolist() == expected


def test_the_best_sequence_alone_makes_the_labels_and_repeats_count_once(split):
    made = predictions([["dog", "dog"], ["sea"]], [[]])
    labels = scoring.sequence_labels(made, split)
    assert labels.tolist() == [[0, 0, 1], [0, 0, 0]]
    scores = scoring.tag_scores(split, labels, PROBABILITIES)
    assert (scores["O-P"], scores["O-R"]) == (0.5, 0.25)
    assert scores["num_empty_predictions"] == 1
    assert [row["name"] for row in scores["per_class"]] == ["sky", "sea", "dog"]


def test_captions_of_images_without_references_are_left_out(split):
    metrics = scoring.caption_scores(
        predictions([["a", "dog"]], [["a", "cat"]]), split, meteor=False
    )
    assert metrics.num_images == 1
    assert metrics.scores["BLEU-1"] == pytest.approx(1)


def test_images_of_unknown_labels_count_in_no_score(split):
    """Taken for images without labels, they would halve the precision and raise the threshold."""
    known = split.annotations
    split.annotations = [*known, *(Annotation(str(i), f"{i}.jpg") for i in (2, 3))]
    split.encoded = encode_annotations(
        split.annotations, split.vocabularies, DataConfig(task="tags", without_labels="unknown")
    )
    probabilities = np.array([[0.9, 0.1, 0.6], [0.1, 0.6, 0.1], [0.7] * 3, [0.7] * 3])
    labels = (probabilities >= 0.5).astype(np.uint8)
    scores = scoring.tag_scores(split, labels, probabilities)
    assert (scores["num_images"], scores["num_unlabelled_images"]) == (2, 0)
    assert (scores["O-P"], scores["O-R"], scores["mAP"]) == (1.0, 1.0, 1.0)
    assert scoring.threshold_of(split, probabilities) == (0.11, 1.0)
    assert scoring.label_intervals(split, labels)["O-F1"] == (1.0, 1.0, 1.0)


def test_no_threshold_is_chosen_without_labels(split):
    split.annotations = [Annotation("0", "0.jpg"), Annotation("1", "1.jpg")]
    split.name, split.num_images = "validation", 2
    split.encoded = encode_annotations(
        split.annotations, split.vocabularies, DataConfig(task="tags")
    )
    with pytest.raises(ValueError, match="'validation', 2 images without labels"):
        scoring.threshold_of(split, PROBABILITIES)
