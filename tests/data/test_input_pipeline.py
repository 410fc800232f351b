"""Batches of real records: right, each example once an epoch, and decided by (seed, step) alone."""

import collections
import dataclasses
import itertools
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from semreg_tf.config import DataConfig, ImageConfig
from semreg_tf.data import batch
from semreg_tf.data.image_ops import decode_for_evaluation
from semreg_tf.data.input_pipeline import (
    Inputs,
    evaluation_batches,
    load_split,
    training_batches,
)
from semreg_tf.data.records import find_builder
from semreg_tf.data.targets import multi_hot, shift
from semreg_tf.data.vocabulary import Vocabularies

SIDE = 24
TAGS = DataConfig(task="tags", min_word_count=1, num_user_tags=10)
CAPTIONS = DataConfig(min_word_count=1, num_concepts=12)
# All that is drawn by chance, and a crop that needs the picture resized.
AUGMENTED = ImageConfig(resize_ratio=1.25, color_jitter=True)
SEQUENCES = batch.SEQUENCE_KEYS


@pytest.fixture(scope="module")
def splits(demo_data):
    """(task, split name) -> split; 40 training, 8 validation images, five captions each."""
    builder = find_builder(demo_data, "demo")
    made = {}
    for config in (TAGS, CAPTIONS):
        vocabularies = Vocabularies.from_dataset(builder.data_dir, config)
        for name in ("train", "validation"):
            made[config.task, name] = load_split(builder, name, vocabularies, config)
    return made


@pytest.fixture(scope="module")
def kinds(splits):
    """Inputs as the stages read them."""
    captions, tags = splits["captions", "train"], splits["tags", "train"]
    features = np.random.default_rng(0).normal(size=(40, 3, 5)).astype(np.float32)
    return {
        "pairs": Inputs(captions, (batch.CONCEPTS, *SEQUENCES, batch.IMAGE_ID)),
        "features": Inputs(
            captions,
            (batch.FEATURES, batch.CONCEPTS, *SEQUENCES, batch.IMAGE_ID),
            features=features,
            captions_per_image=2,
        ),
        "images": Inputs(
            tags,
            (batch.IMAGE, batch.CONCEPTS, batch.USER_TAGS, *SEQUENCES, batch.IMAGE_ID),
            image=AUGMENTED,
            image_size=SIDE,
        ),
    }


def take(dataset, number):
    return list(itertools.islice(dataset.as_numpy_iterator(), number))


def ids_of(tensors):
    return [x.decode() for x in tensors[batch.IMAGE_ID]]


def ids_of_all(batches):
    return [image_id for tensors in batches for image_id in ids_of(tensors)]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def encoded_pictures(split):
    feature = {"image": tf.io.FixedLenFeature((), tf.string)}
    records = tf.data.TFRecordDataset(list(split.shards))
    return [tf.io.parse_single_example(r, feature)["image"] for r in records]


# The batch size, the batches in an epoch, and where runs start: inside the first epoch, at its
# end, and inside a later one.
STARTS = {"pairs": (40, 5, (2, 5, 7)), "features": (12, 3, (2, 3, 7)), "images": (8, 5, (7,))}


@pytest.fixture(scope="module")
def runs_from_zero(kinds):
    """The first two epochs, and two batches more, of each kind."""
    return {
        kind: take(training_batches(kinds[kind], batch_size, seed=3), 2 * per_epoch + 2)
        for kind, (batch_size, per_epoch, _) in STARTS.items()
    }


@pytest.mark.parametrize("kind", STARTS)
def test_a_run_from_any_step_gives_the_batches_of_a_run_from_zero(kinds, runs_from_zero, kind):
    batch_size, per_epoch, starts = STARTS[kind]
    whole = runs_from_zero[kind]
    assert len(whole) == 2 * per_epoch + 2
    for start in starts:
        rest = training_batches(kinds[kind], batch_size, seed=3, start_step=start)
        assert_same(take(rest, len(whole) - start), whole[start:])


def test_another_seed_gives_other_batches_and_no_epoch_is_like_the_one_before(
    kinds, runs_from_zero
):
    whole = runs_from_zero["pairs"]
    other = take(training_batches(kinds["pairs"], 40, seed=4), 5)
    assert ids_of_all(other) != ids_of_all(whole[:5]) != ids_of_all(whole[5:10])
    # Which captions an image shows hangs on the seed as well.
    inputs = dataclasses.replace(kinds["features"], features=rows_as_x())
    first, second = (take(training_batches(inputs, 40, seed), 1)[0] for seed in (0, 1))
    assert sorted(ids_of(first)) == sorted(ids_of(second))
    again = [ids_of(second).index(image_id) for image_id in ids_of(first)]
    assert (first[batch.PADDING_MASK].sum(-1) != second[batch.PADDING_MASK].sum(-1)[again]).any()


def rows_as_x():
    """Features of one view that tell the image's row."""
    return np.arange(40, dtype=np.float32).reshape(40, 1, 1)


def test_pictures_are_augmented_anew_each_epoch(runs_from_zero):
    seen = collections.defaultdict(list)
    for tensors in runs_from_zero["images"][:10]:
        assert tensors[batch.IMAGE].shape == (8, SIDE, SIDE, 3)
        assert tensors[batch.IMAGE].dtype == np.float32
        for image_id, image in zip(ids_of(tensors), tensors[batch.IMAGE], strict=True):
            seen[image_id].append(image)
    assert {len(images) for images in seen.values()} == {2}
    assert all(np.abs(one - other).max() > 0.05 for one, other in seen.values())


def test_without_augmentation_training_sees_the_evaluation_picture(splits):
    split = splits["tags", "validation"]
    plain = ImageConfig(resize_ratio=1.25, random_crop=False, random_flip=False)
    inputs = Inputs(split, (batch.IMAGE, batch.IMAGE_ID), plain, SIDE)
    (tensors,) = take(training_batches(inputs, 8, seed=0), 1)
    (evaluated,) = take(evaluation_batches(inputs, 8), 1)
    rows = [ids_of(evaluated).index(image_id) for image_id in ids_of(tensors)]
    assert rows != sorted(rows)
    np.testing.assert_array_equal(tensors[batch.IMAGE], evaluated[batch.IMAGE][rows])


def expected_of(split, image_ids):
    """The annotation keys of images by the plain versions, one sequence an image."""
    encoded, output = split.encoded, split.vocabularies.output
    rows = [encoded.image_ids.tolist().index(image_id) for image_id in image_ids]
    splits = encoded.token_splits
    sequences = [encoded.tokens[splits[r] : splits[r + 1]] for r in rows]
    plain = dict(zip(SEQUENCES, shift(sequences, output.start_id, output.end_id), strict=True))
    made = {key: value[:, None] for key, value in plain.items()}
    for key, ids, own_splits, names in (
        (batch.CONCEPTS, encoded.concepts, encoded.concept_splits, split.vocabularies.concepts),
        (batch.USER_TAGS, encoded.user_tags, encoded.user_tag_splits, split.vocabularies.user_tags),
    ):
        made[key] = multi_hot(ids, own_splits, len(names))[rows]
    return made


def test_annotations_are_those_of_the_images_beside_them(kinds):
    inputs = dataclasses.replace(kinds["images"], keys=kinds["images"].keys[1:])
    inputs = dataclasses.replace(inputs, keys=(*inputs.keys, batch.FEATURES), features=rows_as_x())
    for tensors in take(training_batches(inputs, 8, seed=1), 6):
        assert set(tensors) == set(inputs.keys)
        for key, expected in expected_of(inputs.split, ids_of(tensors)).items():
            np.testing.assert_array_equal(tensors[key], expected, err_msg=key)
        known = inputs.split.encoded.image_ids
        assert known[tensors[batch.FEATURES][:, 0].astype(int)].tolist() == ids_of(tensors)


def test_every_caption_comes_once_an_epoch_in_batches_of_like_lengths(kinds, splits):
    inputs, split = kinds["pairs"], splits["captions", "train"]
    batches = take(training_batches(inputs, 40, seed=0), 10)
    expected = collections.Counter()
    for annotation in split.annotations:
        for tokens in annotation.tokens:
            ids = split.vocabularies.output.encode(tokens)
            expected[annotation.image_id, tuple(ids.tolist())] += 1
    assert sum(expected.values()) == split.num_sequences == 200
    length = np.random.default_rng(0).permutation(np.diff(split.encoded.token_splits))
    unsorted = sum((part.max() - part).sum() for part in length.reshape(5, 40))
    for epoch in (batches[:5], batches[5:]):
        found, padding = collections.Counter(), 0
        for tensors in epoch:
            mask = tensors[batch.PADDING_MASK][:, 0]
            padding += (~mask).sum()
            for image_id, row, own in zip(
                ids_of(tensors), tensors[batch.TARGET_IDS][:, 0], mask, strict=True
            ):
                found[image_id, tuple(row[own][:-1].tolist())] += 1
        assert found == expected
        assert padding < 0.4 * unsorted


@pytest.mark.parametrize(("batch_size", "batches"), [(8, 5), (12, 3), (40, 1), (64, 1)])
def test_every_image_comes_once_an_epoch_and_only_full_batches(kinds, batch_size, batches):
    inputs = dataclasses.replace(kinds["images"], keys=(batch.IMAGE_ID, batch.CONCEPTS))
    seen = take(training_batches(inputs, batch_size, seed=0), 3 * batches)
    size = min(batch_size, 40)
    left_out = []
    for first in range(0, 3 * batches, batches):
        epoch = seen[first : first + batches]
        assert [len(tensors[batch.IMAGE_ID]) for tensors in epoch] == [size] * batches
        ids = ids_of_all(epoch)
        assert len(set(ids)) == len(ids)
        left_out.append(set(inputs.split.encoded.image_ids) - set(ids))
    assert [len(images) for images in left_out] == [40 - size * batches] * 3
    if batch_size == 12:
        assert len(set.union(*left_out)) > 4, "the same images are left out each time"


@pytest.mark.parametrize(("kind", "num_workers"), [("pairs", 4), ("features", 4), ("images", 2)])
def test_workers_share_the_global_batch_and_its_augmentation(kinds, kind, num_workers):
    whole = take(training_batches(kinds[kind], 8, seed=5, start_step=4), 3)
    parts = [
        take(training_batches(kinds[kind], 8, 5, 4, num_workers, worker), 3)
        for worker in range(num_workers)
    ]
    for step, tensors in enumerate(whole):
        for worker in range(num_workers):
            own = parts[worker][step]
            assert own.keys() == tensors.keys()
            for key, values in tensors.items():
                expected = values[worker::num_workers]
                if key in SEQUENCES:
                    # A worker's own batch may need less padding.
                    expected = expected[..., : own[key].shape[-1]]
                np.testing.assert_array_equal(own[key], expected, err_msg=key)


def test_training_draws_among_all_views_and_evaluation_takes_the_first(kinds):
    inputs = kinds["features"]
    rows = {image_id: i for i, image_id in enumerate(inputs.split.encoded.image_ids)}
    views = collections.Counter()
    for tensors in take(training_batches(inputs, 8, seed=0), 15):
        for image_id, own in zip(ids_of(tensors), tensors[batch.FEATURES], strict=True):
            matches = (inputs.features[rows[image_id]] == own).all(1)
            assert matches.sum() == 1
            views[int(matches.argmax())] += 1
    assert min(views[view] for view in range(3)) > 20, "of 120 draws, 40 each are expected"
    evaluated = take(evaluation_batches(inputs, 16), 3)
    together = np.concatenate([tensors[batch.FEATURES] for tensors in evaluated])
    np.testing.assert_array_equal(together, inputs.features[:, 0])


def test_features_may_be_mapped_from_disk(kinds, tmp_path):
    inputs = kinds["features"]
    np.save(tmp_path / "features.npy", inputs.features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    ours = take(training_batches(dataclasses.replace(inputs, features=mapped), 8, seed=0), 3)
    assert_same(ours, take(training_batches(inputs, 8, seed=0), 3))


def test_captions_are_sampled_for_training_and_all_there_for_evaluation(kinds):
    inputs = kinds["features"]
    (trained,) = take(training_batches(inputs, 8, seed=0), 1)
    (evaluated, *_) = take(evaluation_batches(inputs, 8), 1)
    assert trained[batch.INPUT_IDS].shape[:2] == (8, 2)
    assert trained[batch.PADDING_MASK].any(-1).all()
    assert evaluated[batch.INPUT_IDS].shape[:2] == (8, 5)


@pytest.mark.parametrize("batch_size", [3, 8, 100])
def test_evaluation_gives_every_image_once_in_order_whatever_the_batch(splits, batch_size):
    split = splits["tags", "validation"]
    keys = (batch.IMAGE, batch.CONCEPTS, batch.USER_TAGS, *SEQUENCES, batch.IMAGE_ID)
    inputs = Inputs(split, keys, AUGMENTED, SIDE, "torch")
    dataset = evaluation_batches(inputs, batch_size)
    batches = list(dataset.as_numpy_iterator())
    assert_same(batches, list(dataset.as_numpy_iterator()))
    full, rest = divmod(8, batch_size)
    assert [len(tensors[batch.IMAGE]) for tensors in batches] == [batch_size] * full + [rest] * (
        rest > 0
    )
    assert ids_of_all(batches) == [a.image_id for a in split.annotations]
    images = np.concatenate([tensors[batch.IMAGE] for tensors in batches])
    expected = [
        decode_for_evaluation(encoded, SIDE, AUGMENTED.resize_ratio, "torch").numpy()
        for encoded in encoded_pictures(split)
    ]
    np.testing.assert_array_equal(images, expected)
    for tensors in batches:
        for key, plain in expected_of(split, ids_of(tensors)).items():
            np.testing.assert_array_equal(tensors[key], plain, err_msg=key)


def test_stored_pictures_are_read_by_row(splits):
    split = next(iter(splits.values()))
    stored = [encoded.numpy() for encoded in encoded_pictures(split)]
    assert list(split.pictures([3, 0])) == [stored[3], stored[0]]


def test_a_damaged_shard_is_named_before_the_first_batch(splits, tmp_path):
    split = splits["tags", "validation"]
    path = tmp_path / "demo.tfrecord-00000-of-00001"
    shutil.copy(split.shards[0], path)
    inputs = Inputs(dataclasses.replace(split, shards=(str(path),)), (batch.IMAGE,), image_size=8)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size - 7)
    for start in (lambda: evaluation_batches(inputs, 2), lambda: training_batches(inputs, 2, 0)):
        with pytest.raises(ValueError, match=rf"{path.name}` is cut short at byte {size - 7}"):
            start()
    path.unlink()
    with pytest.raises(ValueError, match=rf"{path.name}` is missing: prepare the data again"):
        evaluation_batches(inputs, 2)
    # Where no picture is read, no shard is needed.
    without = dataclasses.replace(inputs, keys=(batch.CONCEPTS,))
    assert len(take(evaluation_batches(without, 8), 2)) == 1


def test_a_split_that_is_not_there_lists_the_known(splits, demo_data):
    builder = find_builder(demo_data, "demo")
    vocabularies = splits["tags", "train"].vocabularies
    with pytest.raises(ValueError, match=r"must be one of test, train, validation.*split='dev'"):
        load_split(builder, "dev", vocabularies, TAGS)


def test_a_split_tells_its_sizes(splits):
    assert splits["captions", "train"].num_images == 40
    assert splits["captions", "train"].num_sequences == 200
    assert sum(splits["tags", "train"].shard_lengths) == 40


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": ("pixels",)}, "`keys` must be among image, concepts, user_tags, features"),
        (
            {"keys": (batch.FEATURES,)},
            "`features` must be given where it is a key. Received: features=None",
        ),
        (
            {"features": np.zeros((39, 1, 2))},
            "`features` must be (images, views, d) of the split's 40 images. Received: (39, 1, 2)",
        ),
        ({"features": np.zeros((40, 2))}, "images. Received: (40, 2)"),
        (
            {"keys": (batch.USER_TAGS,)},
            "`keys` may hold 'user_tags' only where the vocabularies have user tags. "
            "Received: keys=('user_tags',)",
        ),
    ],
)
def test_inputs_that_do_not_fit_the_split_are_refused(splits, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Inputs(**{"split": splits["captions", "train"], "keys": (batch.CONCEPTS,), **changes})


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        ((3, 0), "`batch_size` must be a multiple of the 3 workers. Received: batch_size=8"),
        (
            (2, 2),
            "`worker` must be at least 0 and below the number of workers, 2. Received: worker=2",
        ),
        ((2, -1), "Received: worker=-1"),
        ((400, 0), "`num_workers` must be at most the 200 examples of the split."),
    ],
)
def test_workers_that_cannot_share_a_batch_are_refused(kinds, workers, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        training_batches(kinds["pairs"], 8 if workers[0] < 8 else 400, 0, 0, *workers)


def test_the_end_of_an_iterator_calls_no_python(kinds, monkeypatch):
    # A generator's iterator does, and writes a traceback where its function was collected first.
    monkeypatch.delattr(tf.data.Dataset, "from_generator")
    for inputs in kinds.values():
        assert take(training_batches(inputs, 8, seed=0), 1)
