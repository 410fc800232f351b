"""PTB tokens of captions as the COCO evaluation has them, without Java."""

from nltk.tokenize import TreebankWordTokenizer

# What the COCO evaluation drops.
_DROPPED = "'' ' `` ` ( ) { } -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;"
DROPPED = frozenset(_DROPPED.split())
_WORDS = TreebankWordTokenizer()


def ptb_tokenize(caption: str) -> list[str]:
    """Returns the lower-case tokens of a caption without punctuation."""
    tokens = _WORDS.tokenize(caption.lower().removesuffix(" ."))
    return [token for token in tokens if token not in DROPPED]
