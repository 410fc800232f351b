"""Gathered annotations are held against the plain versions in `targets`."""

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.data import batch
from semreg_tf.data.annotation_tensors import AnnotationTensors
from semreg_tf.data.name_list import NameList
from semreg_tf.data.targets import EncodedAnnotations, multi_hot, shift
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary

NUM_IMAGES, NUM_WORDS, NUM_CONCEPTS, NUM_TAGS = 9, 11, 6, 4
KEYS = (batch.CONCEPTS, batch.USER_TAGS, *batch.SEQUENCE_KEYS, batch.IMAGE_ID)


def names(number, prefix):
    return NameList(tuple(f"{prefix}{i}" for i in range(number)), (1,) * number)


def splits_of(rows):
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)


def flat(rows):
    return np.array([x for row in rows for x in row], np.int32), splits_of(rows)


class Data:
    """Random annotations, plain and encoded: some images without captions, some of one word."""

    def __init__(self, with_tags=True):
        generator = np.random.default_rng(3)
        self.captions = [
            [
                generator.integers(0, NUM_WORDS, generator.integers(0, 7)).tolist()
                for _ in range(number)
            ]
            for number in (3, 0, 1, 5, 2, 2, 4, 0, 1)
        ]
        self.concepts = [
            np.flatnonzero(generator.random(NUM_CONCEPTS) < 0.4).tolist() for _ in range(NUM_IMAGES)
        ]
        self.tags = [
            np.flatnonzero(generator.random(NUM_TAGS) < 0.3).tolist() for _ in range(NUM_IMAGES)
        ]
        self.sequences = [caption for captions in self.captions for caption in captions]
        tokens, token_splits = flat(self.sequences)
        concepts, concept_splits = flat(self.concepts)
        tags, tag_splits = flat(self.tags) if with_tags else (None, None)
        self.encoded = EncodedAnnotations(
            image_ids=np.array([f"image_{i}" for i in range(NUM_IMAGES)], object),
            tokens=tokens,
            token_splits=token_splits,
            sequence_splits=splits_of(self.captions),
            concepts=concepts,
            concept_splits=concept_splits,
            user_tags=tags,
            user_tag_splits=tag_splits,
            num_cut=0,
        )
        self.vocabularies = Vocabularies(
            Vocabulary(names(NUM_WORDS, "w"), "words"),
            names(NUM_CONCEPTS, "c"),
            names(NUM_TAGS, "t") if with_tags else None,
        )
        self.tensors = AnnotationTensors(self.encoded, self.vocabularies)

    def plain_images(self, rows):
        """What `images` must give, by loops and `shift`."""
        output = self.vocabularies.output
        most = max(len(self.captions[row]) for row in rows)
        longest = max((len(c) for row in rows for c in self.captions[row]), default=0)
        shape = len(rows), most, longest + 1
        inputs, targets = (np.full(shape, output.end_id, np.int32) for _ in range(2))
        # A caption that is not there has START before it too, and no real target.
        inputs[:, :, 0] = output.start_id
        mask = np.zeros(shape, bool)
        for i, row in enumerate(rows):
            captions = self.captions[row]
            own = shift(captions, output.start_id, output.end_id)
            time = own[0].shape[1]
            for whole, part in zip((inputs, targets, mask), own, strict=True):
                whole[i, : len(captions), :time] = part
        return inputs, targets, mask


@pytest.fixture(scope="module")
def data():
    return Data()


@pytest.mark.parametrize("rows", [range(NUM_IMAGES), [4], [8, 1, 3, 3], [2, 8], [0, 1]])
def test_images_equal_the_plain_version(data, rows):
    rows = list(rows)
    made = data.tensors.images(tf.constant(rows, tf.int64), KEYS)
    assert set(made) == set(KEYS)
    for key, expected in zip(batch.SEQUENCE_KEYS, data.plain_images(rows), strict=True):
        np.testing.assert_array_equal(made[key], expected, err_msg=key)
        assert made[key].dtype == expected.dtype
    for key, ids, size in (
        (batch.CONCEPTS, data.concepts, NUM_CONCEPTS),
        (batch.USER_TAGS, data.tags, NUM_TAGS),
    ):
        expected = multi_hot(*flat([ids[row] for row in rows]), size)
        np.testing.assert_array_equal(made[key], expected)
        assert made[key].dtype == tf.float32
    assert [x.decode() for x in made[batch.IMAGE_ID].numpy()] == [f"image_{r}" for r in rows]


def test_images_without_any_caption_have_no_target(data):
    made = data.tensors.images(tf.constant([1, 7], tf.int64), KEYS)
    assert made[batch.PADDING_MASK].shape[:2] == (2, 0)


def test_no_other_keys_are_made(data):
    rows = tf.constant([0, 3], tf.int64)
    for keys in ((batch.CONCEPTS,), (batch.IMAGE_ID, batch.USER_TAGS), ()):
        assert set(data.tensors.images(rows, keys)) == set(keys)
    assert set(data.tensors.images(rows, batch.SEQUENCE_KEYS)) == set(batch.SEQUENCE_KEYS)


def test_pairs_equal_shift_with_one_caption_an_image(data):
    owners = np.repeat(np.arange(NUM_IMAGES), np.diff(data.encoded.sequence_splits))
    chosen = np.array([5, 0, 17, 5, 11])
    made = data.tensors.pairs(tf.constant(owners[chosen]), tf.constant(chosen), KEYS)
    output = data.vocabularies.output
    expected = shift([data.sequences[i] for i in chosen], output.start_id, output.end_id)
    for key, plain in zip(batch.SEQUENCE_KEYS, expected, strict=True):
        np.testing.assert_array_equal(made[key], plain[:, None], err_msg=key)
        assert made[key].dtype == plain.dtype
    concepts = multi_hot(*flat([data.concepts[owners[i]] for i in chosen]), NUM_CONCEPTS)
    np.testing.assert_array_equal(made[batch.CONCEPTS], concepts)
    assert [x.decode() for x in made[batch.IMAGE_ID].numpy()] == [
        f"image_{owners[i]}" for i in chosen
    ]


def test_without_side_information_there_are_no_user_tags():
    data = Data(with_tags=False)
    keys = (batch.CONCEPTS, *batch.SEQUENCE_KEYS)
    assert set(data.tensors.images(tf.constant([0], tf.int64), keys)) == set(keys)


def sampled(data, number, seed):
    """Returns the captions drawn of each image, by their ids."""
    rows = tf.range(NUM_IMAGES, dtype=tf.int64)
    order = tf.random.stateless_uniform((NUM_IMAGES, data.tensors.most_captions), seed)
    made = data.tensors.images(rows, KEYS, number, order)
    ids, mask = made[batch.TARGET_IDS].numpy(), made[batch.PADDING_MASK].numpy()
    inputs = made[batch.INPUT_IDS].numpy()
    drawn = []
    for i in range(NUM_IMAGES):
        own = []
        for j in range(ids.shape[1]):
            length = mask[i, j].sum()
            if length:
                own.append(ids[i, j, : length - 1].tolist())
                assert ids[i, j, length - 1] == data.vocabularies.output.end_id
                assert inputs[i, j, 1:length].tolist() == own[-1]
            assert not mask[i, j, length:].any()
        drawn.append(own)
    return drawn


@pytest.mark.parametrize("number", [1, 2, 4, 9])
def test_a_sample_holds_that_many_different_captions_of_each_image(data, number):
    for seed in ([0, 0], [0, 1], [5, 0]):
        for captions, own in zip(data.captions, sampled(data, number, seed), strict=True):
            assert len(own) == min(number, len(captions))
            left = list(captions)
            for caption in own:
                left.remove(caption)


def test_a_sample_takes_the_captions_of_the_largest_values(data):
    assert data.tensors.most_captions == max(len(captions) for captions in data.captions)
    # Image 4 has two of the five captions there may be: the values of the others are not looked at.
    rows, order = tf.constant([3, 4], tf.int64), tf.constant([[0.1, 0.5, 0.4, 0.9, 0.2]] * 2)
    made = data.tensors.images(rows, batch.SEQUENCE_KEYS, 1, order)
    for i, caption in enumerate((data.captions[3][3], data.captions[4][1])):
        own = made[batch.TARGET_IDS][i, 0][made[batch.PADDING_MASK][i, 0]].numpy().tolist()
        assert own[:-1] == caption


def test_a_sample_is_decided_by_its_seed_and_every_caption_comes_up(data):
    assert sampled(data, 2, [1, 2]) == sampled(data, 2, [1, 2])
    seen = [sampled(data, 2, [0, step])[3] for step in range(60)]
    assert len({str(captions) for captions in seen}) > 5
    counts = [sum(caption in captions for captions in seen) for caption in data.captions[3]]
    # Each of five captions is drawn with probability 2 / 5: 24 of 60 draws.
    assert min(counts) > 10
