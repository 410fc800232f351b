"""The whole COCO caption evaluation, run its own way, against ours on the same captions."""

import shutil

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from semreg_tf.metrics import java_scorers
from semreg_tf.metrics.bootstrap import caption_intervals
from semreg_tf.metrics.caption_statistics import meteor_from_statistics
from semreg_tf.metrics.captions import caption_metrics

needs_java = [
    pytest.mark.large,
    pytest.mark.skipif(shutil.which("java") is None, reason="no java on the path"),
]
SUBJECTS = (
    "A man",
    "Two dogs",
    "The boy's mother",
    "A girl in a T-shirt",
    "O'Brien",
    "A U.S. team",
)
VERBS = ("is running", "can't jump", 'holds a sign "STOP"', "looks at 1,000 birds", "sits")
PLACES = ("in the park .", "on the beach, near water.", "(at night)", "at 5 o'clock!", "with AT&T")


def captions(num_images=120, seed=0):
    rng = np.random.default_rng(seed)

    def caption():
        return " ".join(rng.choice(part) for part in (SUBJECTS, VERBS, PLACES))

    references = {i: [caption() for _ in range(rng.integers(1, 8))] for i in range(num_images)}
    hypotheses = {i: caption() for i in references}
    hypotheses[3], hypotheses[4] = "", references[4][0]
    return references, hypotheses


def original(references, hypotheses):
    """What pycocoevalcap's own evaluation gives, without SPICE."""
    tokenize = PTBTokenizer().tokenize
    true = tokenize({i: [{"caption": c} for c in texts] for i, texts in references.items()})
    guessed = tokenize({i: [{"caption": text}] for i, text in hypotheses.items()})
    bleu = Bleu(4).compute_score(true, guessed, verbose=0)[0]
    scores = {f"BLEU-{n + 1}": value for n, value in enumerate(bleu)}
    for name, scorer in (("METEOR", Meteor()), ("ROUGE-L", Rouge()), ("CIDEr", Cider())):
        scores[name] = scorer.compute_score(true, guessed)[0]
    return scores


class TestWithJava:
    pytestmark = needs_java

    @pytest.mark.parametrize("tokenizer", ["python", "java"])
    def test_scores_are_those_of_the_coco_evaluation(self, tokenizer):
        references, hypotheses = captions()
        metrics = caption_metrics(references, hypotheses, tokenizer=tokenizer, meteor=True)
        expected = original(references, hypotheses)
        assert list(metrics.scores) == list(expected)
        assert metrics.scores == pytest.approx(expected, abs=1e-4)

    def test_meteor_from_its_statistics_is_meteor(self):
        metrics = caption_metrics(*captions())
        statistics = metrics.meteor_statistics
        expected = list(metrics.per_image["METEOR"].values())
        assert meteor_from_statistics(statistics) == pytest.approx(expected, abs=1e-9)
        of_all = meteor_from_statistics(statistics.sum(0))
        assert of_all == pytest.approx(metrics.scores["METEOR"], abs=1e-9)
        low, high = caption_intervals(metrics, num_resamples=200)["METEOR"][1:]
        assert low < metrics.scores["METEOR"] < high

    def test_line_ends_inside_captions_do_not_shift_the_others(self):
        given = ["", "a\nb", "c\u2028d\r\ne", "f\vg\x85h", "", "The end.", ""]
        assert java_scorers.tokenize_with_java(given) == [
            "",
            "a b",
            "c d e",
            "f g h",
            "",
            "the end",
            "",
        ]


def test_nothing_to_tokenise_needs_no_java():
    assert java_scorers.tokenize_with_java([]) == []


def test_a_java_that_fails_says_why(tmp_path, monkeypatch):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho out of memory >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(RuntimeError, match="METEOR ended early: out of memory"):
        java_scorers.meteor_scores({1: ["a dog"]}, {1: ["a dog"]})
    with pytest.raises(RuntimeError, match=r"Java tokeniser returned 1 lines for 2 captions"):
        java_scorers.tokenize_with_java(["a dog", "a cat"])
