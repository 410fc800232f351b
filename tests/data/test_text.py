import pytest

from semreg_tf.data.text import is_punctuation, tokenize


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
def test_tokens_are_treebanks_in_lower_case(caption, tokens):
    assert tokenize(caption) == tokens


def test_no_token_holds_a_blank():
    caption = 'He said: "3 1/2 cups"... (or\u00a0so) --- c\'est la vie; U.S. & E.U.'
    assert all(token and not any(c.isspace() for c in token) for token in tokenize(caption))


@pytest.mark.parametrize("token", [".", "...", "--", "''", "``", ",", "&"])
def test_punctuation_has_neither_letter_nor_digit(token):
    assert is_punctuation(token)


@pytest.mark.parametrize("token", ["dog", "'s", "n't", "3", "u.s.", "é"])
def test_words_are_no_punctuation(token):
    assert not is_punctuation(token)
