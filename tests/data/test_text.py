import pytest

from semreg_tf.data.text import TOKENIZERS, is_punctuation, tokenize
from semreg_tf.text.ptb_tokenizer import ptb_tokenize


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A dog .", ["a", "dog", "."]),
        ("A man's hat, isn't it?", ["a", "man", "'s", "hat", ",", "is", "n't", "it", "?"]),
        # A sentence's end inside a caption is parted too, as im2txt does.
        ("A dog. A cat.", ["a", "dog", ".", "a", "cat", "."]),
        ("Mr. Potato sits.", ["mr.", "potato", "sits", "."]),
        ("  two\n lines ", ["two", "lines"]),
        ("Ein Hündchen", ["ein", "hündchen"]),
        ("", []),
        (" \t", []),
    ],
)
@pytest.mark.parametrize("tokenizer", ["treebank", "ptb"])
def test_tokens_are_the_words_and_marks_in_lower_case(caption, tokens, tokenizer):
    assert tokenize(caption, tokenizer) == tokens


# The tokens that data sets prepared with nltk's Treebank rules hold: they must never change.
@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("In the U.S. a dog", "in the u.s . a dog"),
        ("near Mt. Blank", "near mt . blank"),
        ('a "box" &amp; a ball', "a `` box '' & amp ; a ball"),
        ("in Washington D.C.", "in washington d.c ."),
    ],
)
def test_the_treebank_tokens_are_as_they_were(caption, tokens):
    assert tokenize(caption, "treebank") == tokens.split(" ")


HARD = (
    "in the U.S. at 5 p.m. today",
    "The box stands near Mt. Blank in the U.S.",
    "St. John vs. Dr. No, etc.",
    "A S.C.U.B.A. diver in Washington D.C.",
    "a slip 'n' slide in the '90s",
    "$3.50, 1,000 at 5:30 for 20%",
    "1 1/2 miles, \u00bd mile and 24/7, 555-123-4567",
    "salt & pepper, Tom and Kim's",
    "a sign reads \"STOP\" and 'go' and \u201cno\u201d",
    "it\u2019s the boys\u2019 dog\u2019s ball, isn't it?",
    "a man (in red) [left] {so} - black -- and half-open",
    "They cannot; I'm gonna do the do's and don'ts",
    "wow \U0001f600 nice, caf\u00e9 at 10\u00b0C for \u00a35!",
    "www.example.com or a@b.org #fun",
)


@pytest.mark.parametrize("caption", HARD)
def test_a_caption_said_again_has_the_scorers_tokens(caption):
    assert ptb_tokenize(" ".join(tokenize(caption, "ptb"))) == ptb_tokenize(caption)


@pytest.mark.parametrize("caption", HARD)
def test_the_words_of_training_are_those_of_the_scorer(caption):
    def words(tokens):
        # What the scorer writes in another way: brackets, quotes, currencies, fractions.
        parts = (part for token in tokens for part in token.split())
        return [p for p in parts if p.isalnum() or "." in p.rstrip(".") or p[-1:] == "."]

    ours = [token for token in words(tokenize(caption, "ptb")) if token != "."]
    theirs = words(ptb_tokenize(caption))
    assert [w for w in ours if w != "\u00bd"] == [w for w in theirs if w not in ("1/2",)]


def test_only_where_the_scorer_reads_capitals_is_a_caption_said_again_another():
    # The scorer keeps R&B whole and parts r&b, as the Java tokeniser does.
    assert tokenize("R&B") == ptb_tokenize("R&B") == ["r&b"]
    assert ptb_tokenize("r&b") == ["r", "&", "b"]


def test_characters_are_tokens_where_words_have_no_blanks_between_them():
    assert tokenize("\u8349\u5730\u4e0a 3 dogs, \u304b\u3099", "characters") == [
        *("\u8349", "\u5730", "\u4e0a", "3", "dogs", ","),
        "\u304b\u3099",
    ]
    # Thai vowels and tones stay on their consonant.
    assert tokenize("\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48", "characters") == [
        "\u0e17\u0e35\u0e48",
        "\u0e19\u0e35\u0e48",
    ]


def test_text_parted_before_keeps_its_parts():
    assert tokenize("\u8349\u5730 \u4e0a A.B.-c .", "blanks") == [
        "\u8349\u5730",
        "\u4e0a",
        "a.b.-c",
        ".",
    ]


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(ValueError, match=r"must be one of 'ptb', .*tokenizer='words'"):
        tokenize("a", "words")


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_no_token_holds_a_blank(tokenizer):
    caption = 'He said: "3 1/2 cups"... (or\u00a0so) --- c\'est la vie; U.S. & E.U.'
    assert all(
        token and not any(c.isspace() for c in token) for token in tokenize(caption, tokenizer)
    )


@pytest.mark.parametrize("token", [".", "...", "--", "''", "``", ",", "&"])
def test_punctuation_has_neither_letter_nor_digit(token):
    assert is_punctuation(token)


@pytest.mark.parametrize("token", ["dog", "'s", "n't", "3", "u.s.", "é"])
def test_words_are_no_punctuation(token):
    assert not is_punctuation(token)
