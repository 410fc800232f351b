"""Which words are wrong, which are fine details."""

from semreg_tf.reporting.words import DETAIL, PLAIN, WRONG, WordJudge, content_words
from semreg_tf.text.function_words import is_content

COMMON = [["a dog runs", "one dog"]] * 19
HERE = ["Two dogs catching a frisbee .", "a dog with a frisbee in the snow"]


def marks(caption, references=HERE, others=COMMON):
    return dict(WordJudge([references, *others]).mark(caption, references))


def test_a_word_in_no_reference_is_wrong():
    assert marks("a cat in the snow!cat") == {
        "a": PLAIN,
        "cat": WRONG,
        "in": PLAIN,
        "the": PLAIN,
        "snow!cat": WRONG,
    }


def test_function_words_and_punctuation_are_never_marked():
    found = marks("an dog behind of the , .")
    assert found.pop("behind") == WRONG
    assert set(found.values()) == {PLAIN}


def test_a_detail_is_in_a_reference_and_rare_in_the_split():
    found = marks("two dogs catch a frisbee")
    assert found == {"two": DETAIL, "dogs": PLAIN, "catch": DETAIL, "a": PLAIN, "frisbee": DETAIL}


def test_one_picture_in_ten_is_the_limit():
    others = [["a frisbee"]] + [["a dog"]] * 18
    assert marks("frisbee", others=others)["frisbee"] == DETAIL
    assert marks("frisbee", others=[*others[1:], ["a frisbee"], ["frisbees"]])["frisbee"] == PLAIN


def test_without_references_nothing_is_marked():
    assert marks("a cat", references=[]) == {"a": PLAIN, "cat": PLAIN}


def test_stems_meet_their_inflections():
    assert content_words("The dogs were running!") == ["dog", "run"]
    assert is_content("two")
    assert not is_content("the")
