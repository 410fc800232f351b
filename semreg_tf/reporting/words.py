"""Marks of wrong words and fine details in captions, as in the supplement's Fig. 2."""

import functools
from collections import Counter
from collections.abc import Sequence

from nltk.stem.porter import PorterStemmer

from semreg_tf.text.function_words import is_content
from semreg_tf.text.ptb_tokenizer import ptb_tokenize

WRONG, DETAIL, PLAIN = "wrong", "right", ""
# Ours: a fine detail is in the references of at most one picture in ten.
DETAIL_SHARE = 0.1


def content_words(caption: str) -> list[str]:
    """Returns the stems of a caption's content words."""
    return [stem(token) for token in ptb_tokenize(caption) if is_content(token)]


def all_words(caption: str) -> list[str]:
    """Returns the stems of all words of a caption."""
    return [stem(token) for token in ptb_tokenize(caption)]


@functools.lru_cache(maxsize=50_000)
def stem(token: str) -> str:
    """Returns a word's Porter stem, which is equal for `dogs` and `dog`."""
    return PorterStemmer().stem(token)


class WordJudge:
    """Marks the words of captions against the references of their pictures.

    A content word is wrong if it is in none of the picture's references. It is a fine detail if it
    is in at least one of them and in those of at most `DETAIL_SHARE` of all pictures. Words are
    compared by their Porter stems (ours; the supplement marks by hand).
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        self._num_images = len(references)
        self._counts: Counter[str] = Counter()
        for captions in references:
            self._counts.update({word for caption in captions for word in content_words(caption)})

    def mark(self, caption: str, references: Sequence[str]) -> list[tuple[str, str]]:
        """Returns the blank-separated words of a caption, each with WRONG, DETAIL or PLAIN."""
        known = {word for reference in references for word in content_words(reference)}
        marked = []
        for word in caption.split():
            stems = content_words(word)
            if not stems or not known:
                marked.append((word, PLAIN))
            elif not all(s in known for s in stems):
                marked.append((word, WRONG))
            elif any(self._counts[s] <= DETAIL_SHARE * self._num_images for s in stems):
                marked.append((word, DETAIL))
            else:
                marked.append((word, PLAIN))
        return marked
