"""Concepts of captions chosen otherwise than by word frequency: by lemma, or from a given list.

A concept then has forms: the words of captions that stand for it, "dogs" for "dog".
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike

import tensorflow as tf

from semreg_tf.data.atomic_write import read_lines, write_lines
from semreg_tf.data.name_list import NameList
from semreg_tf.files import digests
from semreg_tf.text.function_words import is_content
from semreg_tf.text.text_files import read_text

FORMS_FILE = "concept_forms.txt"
_HEADER = "semreg_tf forms 1"
# Penn Treebank tags by their first two letters; the names are the lemmatiser's. Adjectives stay as
# they are: tense and plural alone are merged.
_LEMMATISED = {"NN": "NOUN", "VB": "VERB", "JJ": None}


@dataclass(frozen=True)
class ConceptForms:
    """Which words stand for which concept.

    Attributes:
      concepts: form -> the concept's name.
    """

    concepts: dict[str, str]

    def lines(self) -> list[str]:
        """Returns the lines of the file: a header, then `form<TAB>concept` by form."""
        return [_HEADER, *(f"{form}\t{name}" for form, name in sorted(self.concepts.items()))]

    def save(self, folder: str | PathLike[str]) -> None:
        """Writes `FORMS_FILE`."""
        write_lines(os.path.join(folder, FORMS_FILE), self.lines())

    def digest(self) -> str:
        """Returns the SHA-256 of the file that `save` writes."""
        return digests.lines_digest(self.lines())

    @classmethod
    def load_if_there(cls, folder: str | PathLike[str]) -> "ConceptForms | None":
        """Reads what `save` wrote; None where there is no such file."""
        there = tf.io.gfile.exists(os.path.join(folder, FORMS_FILE))
        return cls.load(folder) if there else None

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> "ConceptForms":
        """Reads what `save` wrote.

        Raises:
          ValueError: the file is damaged; path and line are named.
        """
        path = os.path.join(folder, FORMS_FILE)
        header, *lines = read_lines(path) or [""]
        pairs = [line.split("\t") for line in lines]
        wrong = next((i for i, p in enumerate(pairs, 2) if len(p) != 2 or not all(p)), None)
        if header != _HEADER or wrong is not None:
            raise ValueError(
                f"`path` must start with {_HEADER!r} and hold a form, a tab and a concept on each "
                f"line. Received: path={path!r}, line {wrong or 1}"
            )
        return cls(dict(pairs))


def lemma_concepts(
    captions: Iterable[str], words: NameList, number: int
) -> tuple[NameList, ConceptForms]:
    """Returns the most frequent nouns, verbs and adjectives, tense and plural merged.

    Wu et al. (2016). The part of speech of a word is its most frequent one in the captions, by
    TextBlob's tagger; nouns and verbs have LemmInflect's dictionary lemma; function words are left
    out (all ours: nltk's own models of both are downloads).

    Args:
      captions: tokens parted by blanks, of the training split.
      words: how often each word occurs in it.
      number: how many concepts; all where there are fewer.

    Returns:
      The lemmas by falling frequency of all their forms, and those forms.

    Raises:
      ValueError: the packages are missing, or no word is of these kinds.
    """
    try:
        from lemminflect import getLemma
        from textblob.en.taggers import PatternTagger
    except ImportError as error:
        raise ValueError(
            "`data.concept_words` 'lemmas' needs the packages of semreg_tf[lemmas]: pip install "
            f"textblob lemminflect. Received: no package {error.name!r}"
        ) from error
    tagger, tags = PatternTagger(), defaultdict(Counter)
    for caption in captions:
        for word, tag in tagger.tag(caption, tokenize=False):
            tags[word][tag[:2]] += 1
    counts, forms = Counter(), {}
    for word, count in zip(words.names, words.counts, strict=True):
        kind = min(tags[word].items(), key=lambda item: (-item[1], item[0]), default=("", 0))[0]
        if kind not in _LEMMATISED or not any(c.isalpha() for c in word):
            continue
        of_kind = _LEMMATISED[kind]
        found = getLemma(word, of_kind, lemmatize_oov=False) if of_kind else ()
        lemma = found[0] if found else word
        if is_content(word) and is_content(lemma):
            counts[lemma] += count
            forms[word] = lemma
    if not counts:
        raise ValueError(
            "`data.concept_words` 'lemmas' needs English captions with nouns, verbs or "
            "adjectives. Received: training captions without any"
        )
    chosen = NameList.from_counts(counts).head(number)
    return chosen, ConceptForms({w: name for w, name in forms.items() if name in chosen.index})


def listed_concepts(
    path: str | PathLike[str], words: NameList, number: int | None
) -> tuple[NameList, ConceptForms]:
    """Returns the concepts of a list that someone made.

    Args:
      path: a UTF-8 file of a name a line, and behind a tab the other words that stand for it,
        parted by blanks: `dog<TAB>dogs puppy`.
      words: how often each word occurs in the training captions.
      number: how many concepts from the top of the list; None: all.

    Returns:
      The names in the list's order with the counts of all their forms, and those forms.

    Raises:
      ValueError: no such file, nothing in it, a word twice, or a concept of which no form occurs.
    """
    try:
        lines = read_text(path, "data.concept_list").splitlines()
    except OSError as error:
        raise _refused(path, f"must be a file that can be read ({error.strerror})") from error
    counts = dict(zip(words.names, words.counts, strict=True))
    concepts: dict[str, int] = {}
    forms: dict[str, str] = {}
    for place, line in enumerate(lines, 1):
        name, _, others = line.strip().partition("\t")
        own = [name, *others.split()]
        if not name:
            continue
        twice = next((word for i, word in enumerate(own) if word in forms or word in own[:i]), None)
        if twice is not None:
            raise _refused(path, "must name each word once", f"line {place}: {twice!r} again")
        concepts[name] = sum(counts.get(word, 0) for word in own)
        if not concepts[name]:
            why = "must name words that occur in the training captions"
            raise _refused(path, why, f"line {place}: {name!r}")
        forms |= dict.fromkeys(own, name)
        if len(concepts) == number:
            break
    if not concepts:
        raise _refused(path, "must hold at least one name", "an empty list")
    return NameList(tuple(concepts), tuple(concepts.values())), ConceptForms(forms)


def _refused(path: str | PathLike[str], why: str, what: str = "") -> ValueError:
    received = f"data.concept_list={os.fspath(path)!r}"
    return ValueError(
        f"`data.concept_list` {why}. Received: {received}{', ' if what else ''}{what}"
    )
