"""Concepts of captions that are lemmas or come from a list, in place of frequent words.

Such a concept has forms, which are the words of captions that stand for it: "dogs" for "dog".
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
# First two letters of Penn Treebank tags -> LemmInflect's part of speech. Adjectives are not
# lemmatised: only tense and plural are merged.
_LEMMATISED = {"NN": "NOUN", "VB": "VERB", "JJ": None}


@dataclass(frozen=True)
class ConceptForms:
    """The words that stand for each concept.

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
    def load(cls, folder: str | PathLike[str]) -> "ConceptForms | None":
        """Reads the file that `save` wrote, or returns None if there is none.

        Raises:
          ValueError: the file is damaged; the message gives path and line.
        """
        path = os.path.join(folder, FORMS_FILE)
        if not tf.io.gfile.exists(path):
            return None
        header, *lines = read_lines(path) or [""]
        pairs = [line.split("\t") for line in lines]
        bad_line = next((i for i, p in enumerate(pairs, 2) if len(p) != 2 or not all(p)), None)
        if header != _HEADER or bad_line is not None:
            raise ValueError(
                f"`path` must start with {_HEADER!r} and hold a form, a tab and a concept on each "
                f"line. Received: path={path!r}, line {bad_line or 1}"
            )
        return cls(dict(pairs))


def lemma_concepts(
    captions: Iterable[str], words: NameList, number: int
) -> tuple[NameList, ConceptForms]:
    """Returns the `number` most frequent nouns, verbs and adjectives, with tense and plural merged.

    Wu et al. (2016). A word's part of speech is its most frequent one in the captions by TextBlob's
    tagger; nouns and verbs get LemmInflect's dictionary lemma; function words are left out (ours:
    nltk's models for both must be downloaded). Captions are tokens separated by blanks.

    Returns:
      The lemmas by decreasing count of all their forms, and the forms.

    Raises:
      ValueError: the packages are missing, or there are no such words.
    """
    try:
        from lemminflect import getLemma
        from textblob.en.taggers import PatternTagger
    except ImportError as error:
        raise ValueError(
            "`data.concept_words` 'lemmas' needs the extra `lemmas`: pip install -e '.[lemmas]'. "
            f"Received: no package {error.name!r}"
        ) from error
    tagger, tags = PatternTagger(), defaultdict(Counter)
    for caption in captions:
        for word, tag in tagger.tag(caption, tokenize=False):
            tags[word][tag[:2]] += 1
    counts, forms = Counter(), {}
    for word, count in words.count_of.items():
        kind = min(tags[word].items(), key=lambda item: (-item[1], item[0]), default=("", 0))[0]
        if kind not in _LEMMATISED or not any(c.isalpha() for c in word):
            continue
        part_of_speech = _LEMMATISED[kind]
        lemmas = getLemma(word, part_of_speech, lemmatize_oov=False) if part_of_speech else ()
        lemma = lemmas[0] if lemmas else word
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
    """Returns the concepts of a user's list.

    Args:
      path: a UTF-8 file with one concept per line, optionally followed by a tab and further words
        that stand for it, separated by blanks: `dog<TAB>dogs puppy`.
      words: the words of the training captions with their counts.
      number: the number of concepts to read from the top of the list; None: all.

    Returns:
      The concepts in the list's order with the counts of all their forms, and the forms.

    Raises:
      ValueError: the file is missing or empty, names a word twice, or names a concept of which no
        form occurs.
    """
    try:
        lines = read_text(path, "data.concept_list").splitlines()
    except OSError as error:
        raise _refused(path, f"must be a file that can be read ({error.strerror})") from error
    counts = words.count_of
    concepts: dict[str, int] = {}
    forms: dict[str, str] = {}
    for line_number, line in enumerate(lines, 1):
        name, _, others = line.strip().partition("\t")
        if not name:
            continue
        line_forms = [name, *others.split()]
        repeated = next(
            (w for i, w in enumerate(line_forms) if w in forms or w in line_forms[:i]), None
        )
        if repeated is not None:
            received = f"line {line_number}: {repeated!r} again"
            raise _refused(path, "must name each word once", received)
        concepts[name] = sum(counts.get(word, 0) for word in line_forms)
        if not concepts[name]:
            rule = "must name words that occur in the training captions"
            raise _refused(path, rule, f"line {line_number}: {name!r}")
        forms |= dict.fromkeys(line_forms, name)
        if len(concepts) == number:
            break
    if not concepts:
        raise _refused(path, "must hold at least one name", "an empty list")
    return NameList(tuple(concepts), tuple(concepts.values())), ConceptForms(forms)


def _refused(path: str | PathLike[str], rule: str, received: str = "") -> ValueError:
    received = f", {received}" if received else ""
    return ValueError(
        f"`data.concept_list` {rule}. Received: data.concept_list={os.fspath(path)!r}{received}"
    )
