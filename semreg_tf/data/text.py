"""Captions as tokens, in one of the ways that a prepared data set names."""

import functools
import unicodedata
from collections.abc import Callable
from typing import Literal, get_args

from semreg_tf.text.cleaning import LETTER_WITHOUT_BLANKS

# "ptb": the tokens that the COCO evaluation compares, so that a caption said again scores in full
#   (ours; Sec. 5.1 and im2txt name no more than a tokeniser).
# "treebank": nltk's Treebank tokens of the lower-cased caption, as in im2txt; what was prepared
#   before this choice was there.
# "characters": each letter of a script written without blanks is a token, all else as "ptb".
# "blanks": a segmenter of the user's choice has separated the tokens by blanks.
Tokenizer = Literal["ptb", "treebank", "characters", "blanks"]
TOKENIZERS = get_args(Tokenizer)
DEFAULT_TOKENIZER: Tokenizer = "ptb"
EARLIEST_TOKENIZER: Tokenizer = "treebank"
# The scorer's own tokens of such captions would be whole sentences, or other pieces of them.
SCORED_AS_THEY_ARE = ("characters", "blanks")

# The Treebank rules part a full stop from its word only at the end of a sentence. im2txt finds
# the ends with nltk's trained English model, a download; the untrained one needs none (ours).
_ABBREVIATIONS = ("dr", "jr", "mr", "mrs", "ms", "sr", "st", "vs")


def tokenize(caption: str, tokenizer: Tokenizer = DEFAULT_TOKENIZER) -> list[str]:
    """Returns the lower-case tokens of a caption; punctuation is kept, and no token holds a blank.

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
    """Refuses an unknown way of making tokens.

    Raises:
      ValueError: as said.
    """
    if tokenizer not in TOKENIZERS:
        raise ValueError(
            f"`tokenizer` must be one of {', '.join(map(repr, TOKENIZERS))}. "
            f"Received: tokenizer={tokenizer!r}"
        )


def is_punctuation(token: str) -> bool:
    """Tells whether a token holds neither a letter nor a digit (`.`, `--`, a quote mark)."""
    return not any(character.isalnum() for character in token)


def _treebank(caption: str) -> list[str]:
    sentences, words = _treebank_rules()
    return [token for sentence in sentences(caption.lower()) for token in words(sentence)]


def _ptb(caption: str) -> list[str]:
    return _ptb_rules()(caption)


def _characters(caption: str) -> list[str]:
    parts = [""]
    for character in caption:
        # Vowels and tones of Thai, voicing marks of kana: they stay on their letter.
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


# Imported within, since a vocabulary is read and used where nltk is not installed.
@functools.cache
def _ptb_rules() -> Callable[[str], list[str]]:
    from semreg_tf.text.ptb_tokenizer import ptb_printed_tokens

    return ptb_printed_tokens


@functools.cache
def _treebank_rules() -> tuple[Callable[[str], list[str]], Callable[[str], list[str]]]:
    from nltk.tokenize import TreebankWordTokenizer
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types.update(_ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters).tokenize, TreebankWordTokenizer().tokenize
