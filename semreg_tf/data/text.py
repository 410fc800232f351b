"""Tokenizers of captions; a prepared data set stores the name of its tokenizer."""

import functools
import unicodedata
from collections.abc import Callable
from typing import Literal, get_args

from semreg_tf.text.cleaning import LETTER_WITHOUT_BLANKS

# "ptb": the tokens of the COCO evaluation, so that a reference caption gets full scores (ours;
#   Sec. 5.1 and im2txt only mention a tokeniser).
# "treebank": nltk's Treebank tokens of the lower-cased caption, as in im2txt; used by data sets
#   that earlier versions prepared.
# "characters": each letter of a script written without blanks is a token; other text as "ptb".
# "blanks": tokens are separated by blanks, for captions that were segmented before.
Tokenizer = Literal["ptb", "treebank", "characters", "blanks"]
TOKENIZERS = get_args(Tokenizer)
DEFAULT_TOKENIZER: Tokenizer = "ptb"
EARLIEST_TOKENIZER: Tokenizer = "treebank"
# Tokenizers whose tokens are scored without the scorer's own tokenisation, which does not suit
# these captions.
SCORED_AS_THEY_ARE = ("characters", "blanks")

# Abbreviations for finding the ends of sentences, where alone the Treebank rules separate a full
# stop from its word. im2txt uses nltk's trained English model, which must be downloaded (ours).
_ABBREVIATIONS = ("dr", "jr", "mr", "mrs", "ms", "sr", "st", "vs")


def tokenize(caption: str, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> list[str]:
    """Returns the lower-case tokens of a caption, including punctuation; no token has a blank.

    Args:
      caption: the text.
      tokenizer: one of `TOKENIZERS`.

    Raises:
      ValueError: the tokenizer is unknown.

    Example:
      >>> tokenize("A dog's ball. It is red!")
      ['a', 'dog', "'s", 'ball', '.', 'it', 'is', 'red', '!']
    """
    check_tokenizer(tokenizer)
    return _FUNCTIONS[tokenizer](caption)


def check_tokenizer(tokenizer: str) -> None:
    """Raises a ValueError if the tokenizer is unknown."""
    if tokenizer not in TOKENIZERS:
        raise ValueError(
            f"`tokenizer` must be one of {', '.join(map(repr, TOKENIZERS))}. "
            f"Received: tokenizer={tokenizer!r}"
        )


def is_punctuation(token: str) -> bool:
    """Returns whether a token has neither letters nor digits (`.`, `--`, a quote mark)."""
    return not any(character.isalnum() for character in token)


def _treebank(caption: str) -> list[str]:
    sentences, words = _treebank_rules()
    return [token for sentence in sentences(caption.lower()) for token in words(sentence)]


# Imported inside the functions, because vocabularies are also used where nltk is not installed.
def _ptb(caption: str) -> list[str]:
    from semreg_tf.text.ptb_tokenizer import ptb_printed_tokens

    return ptb_printed_tokens(caption)


def _characters(caption: str) -> list[str]:
    parts = [""]
    for character in caption:
        # Combining marks, such as vowels and tones of Thai, stay with their letter.
        if unicodedata.category(character) in ("Mn", "Mc"):
            parts[-1] += character
        elif LETTER_WITHOUT_BLANKS.match(character) or LETTER_WITHOUT_BLANKS.match(parts[-1]):
            parts.append(character)
        else:
            parts[-1] += character
    return [
        token
        for part in parts
        for token in ([part] if LETTER_WITHOUT_BLANKS.match(part) else _ptb(part))
    ]


def _blanks(caption: str) -> list[str]:
    return caption.lower().split()


_FUNCTIONS: dict[str, Callable[[str], list[str]]] = {
    "ptb": _ptb,
    "treebank": _treebank,
    "characters": _characters,
    "blanks": _blanks,
}


@functools.cache
def _treebank_rules() -> tuple[Callable[[str], list[str]], Callable[[str], list[str]]]:
    from nltk.tokenize import TreebankWordTokenizer
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types.update(_ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters).tokenize, TreebankWordTokenizer().tokenize
