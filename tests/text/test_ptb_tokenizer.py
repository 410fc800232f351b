"""Our PTB tokens against those of the Java tokeniser: kept ones, and fresh ones where Java is."""

import json
import random
import shutil
import unicodedata
from pathlib import Path

import pytest

from semreg_tf.metrics.java_scorers import tokenize_with_java
from semreg_tf.text.ptb_tokenizer import DROPPED, ptb_tokenize

DATA = Path(__file__).parent / "data"
FLICKR8K = Path(__file__).parents[3] / "shared/data/flickr8k/Flickr8k.token.txt"
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="no java on the path")

# Upper case: the fragment with its first letter raised.
TEMPLATES = (
    "{subject} {verb} {action} {place} .",
    "{subject} {verb} {action} {place}.",
    "{subject} {verb} {action} {place} {extra}.",
    "{subject} {verb} {action}, {place}",
    "{subject} {verb} {action} {place} {extra}",
    "{place}, {subject} {verb} {action}.",
    "{subject} {verb} {action} while {other} {place}.",
    "{subject} and {other} are {action} {extra}",
    "{action} {place} {extra}!",
    '"{subject} {verb} {action}," said {other}.',
    "{subject} ({other}) {verb} {action} {place}",
    "{SUBJECT} {verb} {action}. {OTHER} {verb} {action} {place}.",
)


def raw_sentences(count, seed):
    """Sentences of a seed, from templates and some 1,150 fragments people write in captions."""
    fragments = json.loads((DATA / "ptb_fragments.json").read_text(encoding="utf-8"))
    rng = random.Random(seed)
    sentences = []
    for _ in range(count):
        parts = {kind: rng.choice(choices) for kind, choices in fragments.items()}
        parts["other"] = rng.choice(fragments["subject"])
        for kind in ("subject", "other"):
            parts[kind.upper()] = parts[kind][:1].upper() + parts[kind][1:]
        sentences.append(rng.choice(TEMPLATES).format(**parts))
    return sentences


def different(sentences, java):
    """Pairs of the tokens of ours and of Java that are not the same."""
    ours = [" ".join(ptb_tokenize(sentence)) for sentence in sentences]
    return [pair for pair in zip(ours, java, strict=True) if pair[0] != pair[1]]


def kept():
    return json.loads((DATA / "ptb_java_tokens.json").read_text(encoding="utf-8"))


def test_equals_the_kept_tokens_of_java():
    sentences, java = zip(*kept(), strict=True)
    wrong = different(sentences, java)
    assert len(sentences) == 700
    assert len(wrong) <= 0.002 * len(sentences), wrong


def test_kept_sentences_hold_what_is_hard():
    text = "\n".join(sentence for sentence, _ in kept())
    for hard in ("n't", "'s", "“", '"', "e-mail", "U.S.", "Mr.", "1,000", "1/2", "(", "[", "{"):
        assert hard in text, hard
    assert any(unicodedata.category(c) == "So" and ord(c) > 0xFFFF for c in text)


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("", ""),
        (" . ", ""),
        ("A child in a pink dress is climbing .", "a child in a pink dress is climbing"),
        ("Two dogs, one brown; one black: playing!", "two dogs one brown one black playing"),
        ("He can't, won't and wouldn't've.", "he ca n't wo n't and would n't 've"),
        ("It’s the boys’ dog’s ball", "it 's the boys dog 's ball"),
        ("the do's and don'ts", "the do 's and do n'ts"),
        ("They cannot; I'm gonna, 'tis", "they can not i 'm gon na 't is"),
        ("rock 'n' roll in the '90s, 'em", "rock 'n' roll in the '90s 'em"),
        ("O'Brien at 5 o'clock, ma'am", "o'brien at 5 o'clock ma'am"),
        ('a sign reads "STOP" and \'go\' and “no”', "a sign reads stop and go and no"),
        ("a T-shirt - black -- and half-open", "a t-shirt black and half-open"),
        ("going left–right—fast…", "going left right fast"),
        ("Mr. Smith vs. Dr. Who, etc.", "mr. smith vs. dr. who etc."),
        ("in the U.S. at 5 p.m. today", "in the u.s. at 5 p.m. today"),
        ("J. K. Rowling has plan B. The end", "j. k. rowling has plan b the end"),
        ("No. 5 says no. of 3 in. on Jan. 1", "no. 5 says no of 3 in on jan. 1"),
        ("$3.50, 1,000 at 5:30 for 20%", "$ 3.50 1,000 at 5:30 for 20 %"),
        ("1 1/2 miles, ½ mile and 24/7", "1\xa01/2 miles 1/2 mile and 24/7"),
        ("5'10\" or 5' 10\"", "5 10 or 5 10"),
        ("a man (in red) [left] {so}", "a man -lrb- in red -rrb- -lsb- left -rsb- -lcb- so -rcb-"),
        ("black/white, and/or his/her dog", "black/white and/or his/her dog"),
        ("AT&T and M&M's & B&B", "at&t and m&m 's & b&b"),
        ("wow 😀👍🏽 nice❤️ 👨‍👩‍👧", "wow nice ❤"),
        ("wow :) ;-) :D <3", "wow :-rrb- ;--rrb- :d < 3"),
        ("see www.example.com or a@b.org #fun @me", "see www.example.com or a@b.org #fun @me"),
        ("café, naïve Señor in Zürich", "café naïve señor in zürich"),
        ("CO₂ at 10°C for £5 or €6", "co ₂ at 10 ° c for # 5 or $ 6"),
        ("what?! no!! why???", "what ?! no !! why ???"),
        ("x\ty\nz\u2028w", "x y z w"),
    ],
)  # fmt: skip
def test_equals_java_on(caption, tokens):
    assert " ".join(ptb_tokenize(caption)) == tokens


def test_no_token_is_empty_or_dropped_punctuation():
    for sentence, _ in kept():
        tokens = ptb_tokenize(sentence)
        assert not DROPPED.intersection(tokens)
        assert all(token and token == token.strip() and " " not in token for token in tokens)


@pytest.mark.large
@needs_java
def test_the_kept_tokens_are_what_java_says():
    sentences, java = zip(*kept(), strict=True)
    assert tokenize_with_java(sentences) == list(java)


@pytest.mark.large
@needs_java
def test_equals_java_on_2000_raw_sentences():
    sentences = raw_sentences(2000, seed=20)
    wrong = different(sentences, tokenize_with_java(sentences))
    assert len(wrong) <= 0.01 * len(sentences), wrong


@pytest.mark.large
@needs_java
@pytest.mark.skipif(not FLICKR8K.exists(), reason="no Flickr8k captions")
def test_equals_java_on_flickr8k():
    lines = FLICKR8K.read_text(encoding="utf-8").splitlines()
    captions = [line.split("\t", 1)[1] for line in lines]
    wrong = different(captions, tokenize_with_java(captions))
    assert len(wrong) <= 0.001 * len(captions), wrong
