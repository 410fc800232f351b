"""Captions as tokens: nltk's Treebank tokens of the lower-cased caption, as in im2txt."""

import functools
from collections.abc import Callable

# The Treebank rules part a full stop from its word only at the end of a sentence. im2txt finds
# the ends with nltk's trained English model, a download; the untrained one needs none (ours).
_ABBREVIATIONS = ("dr", "jr", "mr", "mrs", "ms", "sr", "st", "vs")


def tokenize(caption: str) -> list[str]:
    """Returns the tokens of a caption; punctuation is kept, and no token holds a blank.

    Example:
      >>> tokenize("A dog's ball. It is red!")
      ['a', 'dog', "'s", 'ball', '.', 'it', 'is', 'red', '!']
    """
    sentences, words = _tokenizers()
    return [token for sentence in sentences(caption.lower()) for token in words(sentence)]


def is_punctuation(token: str) -> bool:
    """Tells whether a token holds neither a letter nor a digit (`.`, `--`, a quote mark)."""
    return not any(character.isalnum() for character in token)


@functools.cache
def _tokenizers() -> tuple[Callable[[str], list[str]], Callable[[str], list[str]]]:
    # Imported here, since a vocabulary is read and used where nltk is not installed.
    from nltk.tokenize import TreebankWordTokenizer
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types.update(_ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters).tokenize, TreebankWordTokenizer().tokenize
