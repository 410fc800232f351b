"""Concepts by lemma and from a list: forms, counts, files, and what is refused."""

import builtins

import pytest

from semreg_tf.config import DataConfig
from semreg_tf.data.annotations import Annotation
from semreg_tf.data.concept_choice import (
    FORMS_FILE,
    ConceptForms,
    lemma_concepts,
    listed_concepts,
)
from semreg_tf.data.name_list import NameList
from semreg_tf.data.targets import encode_annotations, labels_of_captions
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary

CAPTIONS = [
    "two dogs are running through the red leaves",
    "a man is standing next to a building",
    "a dog runs on a beach while men run",
    "the man stood near the other dog",
]
WORDS = NameList.from_counts(
    {w: sum(c.split().count(w) for c in CAPTIONS) for c in CAPTIONS for w in c.split()}
)


def test_lemmas_merge_tense_and_plural_of_nouns_verbs_and_adjectives():
    pytest.importorskip("lemminflect")
    pytest.importorskip("textblob")
    concepts, forms = lemma_concepts(CAPTIONS, WORDS, 4)
    assert concepts.names[:3] == ("dog", "man", "run")
    assert concepts.counts[:3] == (3, 3, 3)
    assert {w for w, n in forms.concepts.items() if n == "run"} == {"running", "runs", "run"}
    every, forms = lemma_concepts(CAPTIONS, WORDS, 99)
    # A building is no act of building; articles, prepositions and "be" are no attributes.
    assert {"stand", "building", "red", "beach"} <= set(every.names)
    assert not {"a", "is", "be", "are", "to", "two", "the", "other", "build"} & set(every.names)
    assert forms.concepts["stood"] == forms.concepts["standing"] == "stand"
    with pytest.raises(ValueError, match=r"'lemmas' needs English captions with nouns"):
        lemma_concepts(["the of a"], NameList(("the", "of", "a"), (1, 1, 1)), 4)


def test_a_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("lemminflect"):
            raise ImportError("none", name="lemminflect")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install -e '.\[lemmas\]'. Received: no package"):
        lemma_concepts(CAPTIONS, WORDS, 4)


def write(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_text(text)
    return path


def test_a_list_keeps_its_order_and_merges_the_forms_it_names(tmp_path):
    path = write(tmp_path, "man\tmen person\n\nbeach\ndog\tdogs\n")
    concepts, forms = listed_concepts(path, WORDS, None)
    assert concepts == NameList(("man", "beach", "dog"), (3, 1, 3))
    assert forms.concepts["men"] == "man" and forms.concepts["dogs"] == "dog"
    assert listed_concepts(path, WORDS, 2)[0].names == ("man", "beach")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold at least one name.*, an empty list"),
        ("\n \n", "must hold at least one name"),
        ("dog\nunicorn\n", "occur in the training captions.*line 2: 'unicorn'"),
        ("dog\nman\ndog\n", "must name each word once.*line 3: 'dog' again"),
        ("dog\tdogs\ndogs\n", "must name each word once.*line 2: 'dogs' again"),
        ("dog\tdog\n", "must name each word once.*line 1: 'dog' again"),
    ],
)
def test_a_wrong_list_is_refused_by_one_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=rf"`data.concept_list` .*{message}") as error:
        listed_concepts(path, WORDS, None)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_no_list_is_refused_and_labels_need_none(tmp_path):
    with pytest.raises(ValueError, match=r"`data.concept_list` must be a file that can be read"):
        listed_concepts(tmp_path / "none.txt", WORDS, None)
    with pytest.raises(ValueError, match=r"`data.concept_list` must be None for labels"):
        DataConfig(task="tags", concept_list="list.txt")


def vocabularies():
    concepts, forms = NameList(("dog", "run"), (3, 3)), {"dog": "dog", "dogs": "dog", "runs": "run"}
    return Vocabularies(Vocabulary(WORDS, "words"), concepts, forms=ConceptForms(forms))


def test_forms_stand_for_their_concept_in_ground_truth():
    annotation = Annotation("1", "1.jpg", tokens=(("two", "dogs"), ("the", "man", "run")))
    encoded = encode_annotations([annotation], vocabularies(), DataConfig())
    # "run" itself is no form here: the list decides.
    assert encoded.concepts.tolist() == [0]
    assert labels_of_captions([annotation], vocabularies())[0].labels == ("dog",)


def test_forms_are_saved_read_and_told_apart(tmp_path):
    ours = vocabularies()
    ours.save(tmp_path)
    read = Vocabularies.load(tmp_path)
    assert read == ours and read.difference(ours) is None
    assert FORMS_FILE in ours.digests() and ours.digests() == read.digests()
    plain = Vocabularies(ours.output, ours.concepts)
    assert plain.difference(ours) == "the words that stand for a concept"
    assert FORMS_FILE not in plain.digests()
    (tmp_path / FORMS_FILE).write_text("semreg_tf forms 1\ndog\n")
    with pytest.raises(ValueError, match=r"hold a form, a tab and a concept.*line 2"):
        Vocabularies.load(tmp_path)
