import numpy as np
import pytest

from semreg_tf.config import DataConfig
from semreg_tf.data import targets
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary

WORDS = NameList(("a", ".", "dog", "cat", "hat"), (9, 8, 5, 4, 3))
LABELS = NameList(("sky", "boat", "map"), (7, 3, 0))


def words():
    return Vocabulary(NameList(("a", "dog"), (9, 5)), "words")


def labels():
    return Vocabulary(LABELS, "labels")


@pytest.fixture
def builder_dir(tmp_path):
    folder = tmp_path / "vocabulary"
    WORDS.save(folder / "words.txt")
    LABELS.save(folder / "labels.txt")
    NameList(("fun", "2009"), (4, 1)).save(folder / "user_tags.txt")
    return tmp_path


def test_81_labels_give_82_output_rows():
    names = tuple(f"label {i:02}" for i in range(81))
    vocabulary = Vocabulary(NameList(names, (1,) * 81), "labels")
    assert vocabulary.size == 82
    assert (vocabulary.end_id, vocabulary.start_id, vocabulary.input_size) == (81, 82, 83)
    assert vocabulary.unknown_id is None


def test_words_come_before_unknown_and_end():
    vocabulary = words()
    assert (vocabulary.unknown_id, vocabulary.end_id, vocabulary.size) == (2, 3, 4)
    assert (vocabulary.start_id, vocabulary.input_size) == (4, 5)
    assert vocabulary.names == ("a", "dog")
    assert vocabulary.counts == (9, 5)


def test_unknown_words_are_encoded_as_such():
    ids = words().encode(token for token in ["dog", "cat", "a"])
    np.testing.assert_array_equal(ids, [1, 2, 0])
    assert ids.dtype == np.int32
    assert words().encode([]).shape == (0,)


def test_unknown_labels_are_refused_by_name():
    with pytest.raises(ValueError, match=r"`tokens` must be labels of the vocabulary.*'ship'"):
        labels().encode(iter(["sky", "ship"]))


@pytest.mark.parametrize("stop", [3, -1])
def test_decode_stops_at_the_end_or_a_negative_id(stop):
    assert words().decode(np.array([1, 2, 0, stop, 1])) == ["dog", "<unk>", "a"]


def test_decode_needs_no_end():
    assert labels().decode([1, 0]) == ["boat", "sky"]


def test_decode_refuses_ids_that_are_no_output():
    with pytest.raises(ValueError, match=r"`ids` must be below 4. Received: 4"):
        words().decode([0, words().start_id])


def test_a_vocabulary_is_checked():
    with pytest.raises(ValueError, match=r"`kind` must be 'words' or 'labels'.*kind='tags'"):
        Vocabulary(LABELS, "tags")
    with pytest.raises(ValueError, match=r"`entries` must hold at least one name"):
        Vocabulary(NameList((), ()), "labels")


@pytest.mark.parametrize("vocabulary", [words(), labels()], ids=["words", "labels"])
def test_save_and_load_keep_the_kind(tmp_path, vocabulary):
    vocabulary.save(tmp_path / "vocabulary.txt")
    assert Vocabulary.load(tmp_path / "vocabulary.txt") == vocabulary


def test_a_name_list_is_no_vocabulary(tmp_path):
    LABELS.save(tmp_path / "labels.txt")
    with pytest.raises(ValueError, match=r"'semreg_tf words 1' or 'semreg_tf labels 1'"):
        Vocabulary.load(tmp_path / "labels.txt")


def test_captions_take_frequent_words_and_concepts_without_punctuation(builder_dir):
    config = DataConfig(task="captions", min_word_count=4)
    vocabularies = Vocabularies.from_dataset(builder_dir, config)
    assert vocabularies.output.names == ("a", ".", "dog", "cat")
    assert vocabularies.concepts == NameList(("a", "dog", "cat"), (9, 5, 4))
    assert vocabularies.user_tags is None


def test_concepts_may_count_punctuation_too(builder_dir):
    config = DataConfig(task="captions", min_word_count=4, concept_words="all_tokens")
    concepts = Vocabularies.from_dataset(builder_dir, config).concepts
    assert concepts.names == ("a", ".", "dog", "cat")


def test_the_ceiling_counts_end_and_unknown(builder_dir):
    config = DataConfig(task="captions", min_word_count=1, max_vocab_size=5, num_concepts=1)
    vocabularies = Vocabularies.from_dataset(builder_dir, config)
    assert vocabularies.output.size == 5
    assert vocabularies.output.names == ("a", ".", "dog")
    assert vocabularies.concepts.names == ("a",)


def test_no_ceiling_keeps_all_words(builder_dir):
    config = DataConfig(task="captions", min_word_count=1, max_vocab_size=None)
    assert Vocabularies.from_dataset(builder_dir, config).output.size == len(WORDS) + 2


def test_labels_can_be_the_concepts_of_captions(builder_dir, monkeypatch):
    # "a" occurs more often, in captions of fewer images.
    tokens = [(("a", "dog", "a"), ("a",)), (("dog",),), ()]
    images = [Annotation(str(i), f"{i}.jpg", tokens=t) for i, t in enumerate(tokens)]
    monkeypatch.setattr(targets, "read_annotations", lambda folder, split: images)
    config = DataConfig(task="tags", labels_from="captions", min_word_count=4, num_concepts=2)
    vocabularies = Vocabularies.from_dataset(builder_dir, config)
    assert vocabularies.output.kind == "labels"
    assert vocabularies.output.names == vocabularies.concepts.names == ("a", "dog")
    assert vocabularies.output.counts == vocabularies.concepts.counts == (1, 2)
    assert targets.label_ranks(vocabularies.output, "rare_first").tolist() == [0, 1]


def test_tags_take_all_labels_and_some_user_tags(builder_dir):
    config = DataConfig(task="tags", num_user_tags=1)
    vocabularies = Vocabularies.from_dataset(builder_dir, config)
    assert vocabularies.output == labels()
    assert vocabularies.concepts == LABELS
    assert vocabularies.user_tags == NameList(("fun",), (4,))


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("words", DataConfig(task="captions", min_word_count=50), "occur 50 times.*5 words"),
        ("labels", DataConfig(task="tags", num_concepts=2), "`data.num_concepts` must be None"),
        (None, DataConfig(task="tags", num_user_tags=3), "`data.num_user_tags` must be 0"),
        (None, DataConfig(task="tags", num_groups=3), "`data.num_groups` must be 0 .*out groups"),
        (None, DataConfig(task="tags"), "`data.task` must be 'captions'.*without labels"),
        (None, DataConfig(task="captions"), "`data.task` 'captions' needs words"),
    ],
)
def test_data_that_lacks_what_the_config_needs_is_refused(builder_dir, kind, config, message):
    if kind is None:
        side = config.num_user_tags or config.num_groups
        for name in ("words", "user_tags", "groups", *(() if side else ("labels",))):
            NameList((), ()).save(builder_dir / "vocabulary" / f"{name}.txt")
    with pytest.raises(ValueError, match=message):
        Vocabularies.from_dataset(builder_dir, config)


@pytest.mark.parametrize("groups", [None, NameList(("my club", "zoo"), (2, 1))])
@pytest.mark.parametrize("tags", [None, NameList(("fun",), (4,))])
def test_a_work_directory_holds_all_names(tmp_path, tags, groups):
    vocabularies = Vocabularies(words(), LABELS, tags, groups)
    vocabularies.save(tmp_path)
    assert Vocabularies.load(tmp_path) == vocabularies
    more = [n for n, x in (("user_tags.txt", tags), ("groups.txt", groups)) if x is not None]
    names = {"vocabulary.txt", "concepts.txt", *more}
    assert set(vocabularies.digests()) == names
    assert {path.name for path in tmp_path.iterdir()} == names


def test_difference_names_the_first_name_that_differs():
    ours = Vocabularies(labels(), LABELS)
    assert ours.difference(Vocabularies(labels(), LABELS)) is None
    # Counts do not change what an id means.
    assert ours.difference(Vocabularies(labels(), NameList(LABELS.names, (1, 1, 1)))) is None
    assert "labels" in ours.difference(Vocabularies(words(), LABELS))
    other = Vocabularies(labels(), NameList(("sky", "map", "boat"), (1, 1, 1)))
    assert ours.difference(other) == "concepts: number 1 is 'boat' and 'map'"
    shorter = Vocabularies(Vocabulary(LABELS.head(2), "labels"), LABELS)
    assert ours.difference(shorter) == "output: 3 names and 2"
    with_tags = Vocabularies(labels(), LABELS, NameList(("fun",), (1,)))
    assert ours.difference(with_tags) == "user tags: 0 names and 1"
    with_groups = Vocabularies(labels(), LABELS, None, NameList(("zoo",), (1,)))
    assert ours.difference(with_groups) == "groups: 0 names and 1"


def test_words_without_pictures_are_counted_with_the_others_and_are_no_concepts(builder_dir):
    config = DataConfig(task="captions", min_word_count=4, num_concepts=3)
    more = {"hat": 2, "zebra": 6, "rare": 1, "dog": 5}
    vocabularies = Vocabularies.from_dataset(builder_dir, config, more)
    assert vocabularies.output.names == ("dog", "a", ".", "zebra", "hat", "cat")
    assert vocabularies.output.counts == (10, 9, 8, 6, 5, 4)
    assert vocabularies.concepts.names == ("a", "dog", "cat")
