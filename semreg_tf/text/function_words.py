"""Function words (articles, prepositions, pronouns), which lists of concepts show last."""

from collections.abc import Collection, Sequence

import numpy as np

# The closed word classes of English (ours). Numbers and relations such as "two" and "behind" are
# content words, since a model can get them wrong.
_ENGLISH = (
    "a about after against along an and another are around as at away be been being both but by "
    "can do does doing down each for from get gets getting has have having he her hers him his i "
    "in into is it its itself just made many more most near next no nor not of off on onto or "
    "other others out own past she so some something than that the their them themselves then "
    "there these they this those through to together too toward towards up upon very was were "
    "what when where which while who whose will with within without you your n't 's 'm 're 've "
    "'ll 'd"
)
FUNCTION_WORDS = {"english": frozenset(_ENGLISH.split()), "none": frozenset()}


def is_content(token: str) -> bool:
    """Returns whether a lower-case English token is neither a function word nor punctuation."""
    return token not in FUNCTION_WORDS["english"] and any(c.isalnum() for c in token)


def words_shown_last(task: str, labels_from: str, language: str) -> frozenset[str]:
    """Returns the function words of a language to show last; none if concepts are labels.

    With `labels_from` "captions", the labels of a tag model are words too.
    """
    words = task == "captions" or labels_from == "captions"
    return FUNCTION_WORDS[language] if words else frozenset()


def content_first(
    names: Sequence[str], probabilities: np.ndarray, shown_last: Collection[str]
) -> np.ndarray:
    """Sorts concepts for display.

    Args:
      names: names of all concepts.
      probabilities: probability of each, (concepts,).
      shown_last: the output of `words_shown_last`.

    Returns:
      All ids, (concepts,) int64: first content words, then those shown last, each by falling
      probability, ties by id.

    Example:
      >>> content_first(("a", "dog", "sea"), np.array([0.9, 0.2, 0.4]), {"a"}).tolist()
      [2, 1, 0]
    """
    last = np.array([name in shown_last for name in names], bool)
    return np.lexsort((-np.asarray(probabilities), last))
