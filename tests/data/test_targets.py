import numpy as np
import pytest

from semreg_tf.config import DataConfig
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.name_list import NameList
from semreg_tf.data.targets import (
    encode_annotations,
    is_annotated,
    label_ranks,
    labels_of_captions,
    multi_hot,
    shift,
)
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary

LABELS = Vocabulary(NameList(("sky", "boat", "ant", "map"), (7, 3, 3, 0)), "labels")
WORDS = Vocabulary(NameList(("a", ".", "dog", "cat"), (9, 8, 5, 4)), "words")


def row(values, splits, i):
    return values[splits[i] : splits[i + 1]].tolist()


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("rare_first", ["map", "ant", "boat", "sky"]),
        ("frequent_first", ["sky", "ant", "boat", "map"]),
        ("alphabetical", ["ant", "boat", "map", "sky"]),
        # By the digests of the names: the same in every run, whatever the counts.
        ("random", ["sky", "boat", "map", "ant"]),
    ],
)
def test_ranks_sort_labels_and_ties_go_by_name(order, names):
    ranks = label_ranks(LABELS, order)
    assert ranks.dtype == np.int32
    assert sorted(LABELS.names, key=lambda name: ranks[LABELS.entries.index[name]]) == names


def test_labels_of_captions_are_the_vocabularys_words_once_each():
    words = Vocabularies(LABELS, LABELS.entries)
    tokens = (("a", "boat", "and", "sky"), ("sky", "map"))
    (found,) = labels_of_captions([Annotation("1", "1.jpg", tokens=tokens)], words)
    assert found.labels == ("boat", "map", "sky")
    assert found.tokens == tokens


def test_unknown_orders_list_the_known():
    with pytest.raises(ValueError, match=r"rare_first, frequent_first, alphabetical.*'any'"):
        label_ranks(LABELS, "any")


def tag_config(**changes):
    return DataConfig(task="tags", **changes)


def tagged():
    return [
        Annotation("1", "1.jpg", labels=("sky", "boat", "map"), user_tags=("new", "fun", "2009")),
        Annotation("2", "2.jpg"),
        Annotation("3", "3.jpg", labels=("boat", "ant")),
    ]


@pytest.mark.parametrize(
    ("order", "first", "third"),
    [
        ("rare_first", ["map", "boat", "sky"], ["ant", "boat"]),
        ("frequent_first", ["sky", "boat", "map"], ["ant", "boat"]),
        ("alphabetical", ["boat", "map", "sky"], ["ant", "boat"]),
    ],
)
def test_tags_are_one_sequence_an_image_in_label_order(order, first, third):
    encoded = encode_annotations(
        tagged(), Vocabularies(LABELS, LABELS.entries), tag_config(label_order=order)
    )
    sequences = [row(encoded.tokens, encoded.token_splits, i) for i in range(3)]
    assert [LABELS.decode(ids) for ids in sequences] == [first, [], third]
    np.testing.assert_array_equal(encoded.sequence_splits, [0, 1, 2, 3])
    assert encoded.image_ids.tolist() == ["1", "2", "3"]
    assert row(encoded.concepts, encoded.concept_splits, 0) == [0, 1, 3]
    assert encoded.user_tags is None
    assert encoded.user_tag_splits is None


def test_images_whose_labels_are_unknown_have_no_sequence_and_are_not_annotated():
    names = Vocabularies(LABELS, LABELS.entries)
    encoded = encode_annotations(tagged(), names, tag_config(without_labels="unknown"))
    np.testing.assert_array_equal(encoded.sequence_splits, [0, 1, 1, 2])
    assert encoded.annotated_rows.tolist() == [0, 2]
    assert [a.image_id for a in tagged() if is_annotated(a, tag_config())] == ["1", "2", "3"]
    of_captions = tag_config(labels_from="captions")
    told = [Annotation("1", "1.jpg", tokens=(("a",),)), Annotation("2", "2.jpg", labels=("boat",))]
    assert [is_annotated(a, of_captions) for a in told] == [True, False]


def test_long_label_sets_are_never_cut():
    annotations = [Annotation("1", "1.jpg", labels=LABELS.names)]
    encoded = encode_annotations(
        annotations,
        Vocabularies(LABELS, LABELS.entries),
        tag_config(max_caption_tokens=1),
        for_training=True,
    )
    assert len(encoded.tokens) == 4
    assert encoded.num_cut == 0


def test_known_user_tags_become_ids():
    tags = NameList(("fun", "art", "2009"), (3, 2, 1))
    encoded = encode_annotations(
        tagged(), Vocabularies(LABELS, LABELS.entries, tags), tag_config(num_user_tags=3)
    )
    vectors = multi_hot(encoded.user_tags, encoded.user_tag_splits, len(tags))
    np.testing.assert_array_equal(vectors, [[1, 0, 1], [0, 0, 0], [0, 0, 0]])


def test_unknown_labels_are_refused():
    annotations = [Annotation("1", "1.jpg", labels=("ship",))]
    with pytest.raises(ValueError, match=r"'ship'"):
        encode_annotations(annotations, Vocabularies(LABELS, LABELS.entries), tag_config())


def captioned():
    return [
        Annotation("1", "1.jpg", tokens=(("a", "dog", "."), ("a", "hat", "a", "hat"))),
        Annotation("2", "2.jpg"),
        Annotation("3", "3.jpg", tokens=(("cat",),)),
    ]


def test_captions_are_cut_in_training_alone():
    vocabularies = Vocabularies(WORDS, WORDS.entries)
    whole = encode_annotations(captioned(), vocabularies, DataConfig(max_caption_tokens=3))
    assert np.diff(whole.token_splits).tolist() == [3, 4, 1]
    assert whole.num_cut == 0


def test_captions_are_word_ids_and_concepts_any_captions_words():
    concepts = NameList(("a", "dog", "cat"), (9, 5, 4))
    vocabularies = Vocabularies(WORDS, concepts)
    encoded = encode_annotations(
        captioned(), vocabularies, DataConfig(max_caption_tokens=3), for_training=True
    )
    unknown = WORDS.unknown_id
    sequences = [row(encoded.tokens, encoded.token_splits, i) for i in range(3)]
    assert sequences == [[0, 2, 1], [0, unknown, 0], [3]]
    np.testing.assert_array_equal(encoded.sequence_splits, [0, 2, 2, 3])
    concept_vectors = multi_hot(encoded.concepts, encoded.concept_splits, 3)
    np.testing.assert_array_equal(concept_vectors, [[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    assert encoded.num_cut == 1
    # The second "hat" was cut away, so it is not counted.


def test_dtypes_stay_when_nothing_is_there():
    encoded = encode_annotations([], Vocabularies(WORDS, WORDS.entries), DataConfig())
    assert encoded.tokens.dtype == encoded.concepts.dtype == np.int32
    assert encoded.token_splits.dtype == encoded.sequence_splits.dtype == np.int64
    np.testing.assert_array_equal(encoded.sequence_splits, [0])


def test_shift_pads_with_end_and_only_the_mask_tells():
    inputs, targets, mask = shift([[4, 7], [], [5]], start_id=9, end_id=8)
    np.testing.assert_array_equal(inputs, [[9, 4, 7], [9, 8, 8], [9, 5, 8]])
    np.testing.assert_array_equal(targets, [[4, 7, 8], [8, 8, 8], [5, 8, 8]])
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 0, 0], [1, 1, 0]])
    assert inputs.dtype == targets.dtype == np.int32
    assert mask.dtype == bool
    # What is fed at each step is what was due at the step before.
    np.testing.assert_array_equal(inputs[:, 1:][mask[:, 1:]], targets[:, :-1][mask[:, 1:]])
