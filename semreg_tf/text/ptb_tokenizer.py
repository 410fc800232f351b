"""PTB tokens of captions as in the COCO evaluation, without Java.

The output equals that of pycocoevalcap's Java tokeniser (`-preserveLines -lowerCase`, then without
punctuation): `semreg_tf.text.ptb_rules` matches tokens that are not split, nltk's Treebank rules
split the other words. One caption is one line, so there is no sentence splitter.

Known differences, all rare in captions:

- Java reads into the next caption: `plan B.` at the end of a caption keeps its full stop or not
  depending on the start of the next line, and so does `no.`. Here captions are independent.
- A backquote is not an apostrophe here: don`t.
- Unusual tags (`<b class=x>`, `<!-- -->`) are one token in Java.
- Addresses and `@` names next to a symbol, an emoji or a dash, and unusual smileys.
- Letters added to Unicode since 2012, and marks of South-East Asian scripts.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator

from nltk.tokenize import TreebankWordTokenizer

from semreg_tf.text.ptb_rules import FRACTION, PHONE, TAG, TOKENS, WORD

# Punctuation that the COCO evaluation drops. Its list also has -LRB- for a bracket, but tokens are
# lower-cased before the comparison, so -lrb- is never dropped and counts as a word.
DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])

_NAMES = (
    {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
    | {"€": "$", "₠": "$", "¤": "$", "£": "#", "¢": "cents"}
    | {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
    | {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "''", "&apos;": "'", "&nbsp;": "''"}
    | {'"': "''", "---": "--", "----": "--"}
)
_QUOTES = str.maketrans({"‘": "`", "’": "'", "‛": "`", "“": "``", "”": "''"})
_PARENTHESES = str.maketrans({"(": "-lrb-", ")": "-rrb-", " ": "\xa0"})

_REDUCED = frozenset(("’s", "’m", "’d", "’re", "’ve", "’ll"))

# Characters other than letters, digits, combining marks and these symbols become blanks.
_SYMBOLS = "¡¢£¤¥¦§¨©¬®¯°±²³´¶·¸¹¼½¾¿×÷‐‑‖‗‘’‚‛“”„†‡•‣‰‱′″‴‵‶‷‸※‾‿⁀⁁⁂⁄₠₤€、。〒・￠￡￥￦"
_SYMBOL_RANGES = (
    *((0x21, 0x7E), (0x2C2, 0x36F), (0x2070, 0x208E), (0x2100, 0x214F)),
    *((0x2153, 0x215E), (0x2190, 0x2BFF)),
)

# The do's and do n'ts.
_INNER_NOT = re.compile(r"(?i)(?<=[a-z])(n['’]t)(?=[a-z])")
_PIECE = re.compile(rf"(?<!\S)(?:{PHONE}|{FRACTION}|{TAG})\S*|\S+")
_NEXT_WORD = re.compile(r" \S+ ?")
_TREEBANK = TreebankWordTokenizer()


class _Characters(dict):
    """The first replacement of each character, for `str.translate`."""

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = chr(codepoint) if _is_kept(codepoint) else " "
        return self[codepoint]


def _is_kept(codepoint: int) -> bool:
    # Java's lexer sees an emoji as two surrogates and drops both.
    if codepoint > 0xFFFF:
        return False
    if any(first <= codepoint <= last for first, last in _SYMBOL_RANGES):
        return True
    character = chr(codepoint)
    category = unicodedata.category(character)
    is_mark = category in ("Mn", "Mc") and codepoint < 0xF00
    return category[0] == "L" or category == "Nd" or is_mark or character in _SYMBOLS


_CHARACTERS = _Characters({0xAD: ""})


def ptb_tokenize(caption: str) -> list[str]:
    r"""Returns the lower-case PTB tokens of a caption, punctuation dropped.

    Example:
      >>> ptb_tokenize('The U.S. team can\'t run 1,000 m -- "why?"')
      ['the', 'u.s.', 'team', 'ca', "n't", 'run', '1,000', 'm', 'why']
    """
    return [t for piece in _pieces(caption) for t in _scored_tokens(*piece)]


def ptb_printed_tokens(caption: str) -> list[str]:
    """Returns a caption's tokens with punctuation, as they are printed: `(`, not `-lrb-`.

    A decoder is trained on these. Joined by blanks, they have the same scored tokens as the
    caption.

    Example:
      >>> ptb_printed_tokens("A dog (red) in the U.S., isn't it?")
      ['a', 'dog', '(', 'red', ')', 'in', 'the', 'u.s.', ',', 'is', "n't", 'it', '?']
    """
    return [t for piece in _pieces(caption) for t in _printed_tokens(*piece)]


def _pieces(caption: str) -> Iterator[tuple[str, str]]:
    """Yields each blank-separated piece, with the next word if the piece ends in a full stop."""
    text = _INNER_NOT.sub(r" \1", " ".join(caption.translate(_CHARACTERS).split()))
    for match in _PIECE.finditer(text):
        piece, following = match.group(), None
        if piece[-1] == ".":
            following = _NEXT_WORD.match(text, match.end())
        yield piece, following.group() if following else ""


@functools.lru_cache(maxsize=100_000)
def _scored_tokens(piece: str, following: str) -> tuple[str, ...]:
    written = map(_written, _tokens_of(piece, following))
    return tuple(token for token in written if token not in DROPPED)


@functools.lru_cache(maxsize=100_000)
def _printed_tokens(piece: str, following: str) -> tuple[str, ...]:
    # A phone number or a mixed fraction is one token that holds a blank.
    return tuple(t for token in _tokens_of(piece, following) for t in _printed(token).split())


def _tokens_of(piece: str, following: str) -> list[str]:
    """Returns the tokens of a blank-separated piece; `following` decides about a full stop."""
    if piece.isascii() and piece.isalpha():
        return _split_word(piece.lower())
    text, start = piece + following, 0
    tokens: list[str] = []
    while start < len(piece):
        word = WORD.match(text, start)
        end = max((m.end() for rule in TOKENS if (m := rule.match(text, start))), default=start + 1)
        if word and word.end() >= end:
            end = word.end()
            tokens += _split_word(word.group().replace("’", "'"))
        else:
            tokens.append(text[start:end])
        start = end
    return tokens


def _split_word(word: str) -> list[str]:
    """Splits a word repeatedly by the Treebank rules: wouldn't've becomes would n't 've."""
    first, *rest = _TREEBANK.tokenize(word)
    return [*_split_word(first), *rest] if rest else [first]


def _written(token: str) -> str:
    """Returns a token as the Java tokeniser writes it."""
    if token in _NAMES:
        return _NAMES[token]
    if not token.strip("."):
        return "." if len(token) == 1 else "..."
    if not token.strip("‘’‛“”`"):
        return token.translate(_QUOTES)
    token = token.lower()
    if token in _REDUCED:
        return token.translate(_QUOTES)
    is_tag = token[0] == "<" and token[-1] == ">"
    return token.replace(" ", "\xa0") if is_tag else token.translate(_PARENTHESES)


def _printed(token: str) -> str:
    """Returns a token in lower case, with a plain apostrophe in `'s`."""
    token = token.lower()
    return token.translate(_QUOTES) if token in _REDUCED else token
