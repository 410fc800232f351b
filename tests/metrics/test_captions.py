"""Caption metrics against plain versions written from their definitions."""

import collections
import math

import numpy as np
import pytest

from semreg_tf.metrics import java_scorers
from semreg_tf.metrics.captions import caption_metrics

SENTENCE = "a the dog cat man woman red big runs sits jumps on in park street with ball"
WORDS = SENTENCE.split()
NAMES = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr"]


def made_up(num_images, references_per_image, seed=0):
    """Random captions; the hypothesis shares a beginning with a reference."""
    rng = np.random.default_rng(seed)
    references, hypotheses = {}, {}
    for image_id in range(num_images):
        count = references_per_image(image_id)
        captions = [list(rng.choice(WORDS, rng.integers(4, 12))) for _ in range(count)]
        guess = captions[0][:6] + list(rng.choice(WORDS, rng.integers(0, 4)))
        references[image_id] = [" ".join(words) for words in captions]
        hypotheses[image_id] = " ".join(guess)
    return references, hypotheses


def ngrams(words, n):
    return collections.Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def plain_bleu(references, hypotheses, max_n):
    """Papineni et al.: clipped precisions of the corpus, closest reference length."""
    logs = 0.0
    for n in range(1, max_n + 1):
        matches = total = 0
        for image_id, guess in hypotheses.items():
            counts = ngrams(guess.split(), n)
            total += sum(counts.values())
            best = collections.Counter()
            for caption in references[image_id]:
                best |= ngrams(caption.split(), n)
            matches += sum((counts & best).values())
        logs += math.log(matches / total) / max_n
    length = sum(len(guess.split()) for guess in hypotheses.values())
    closest = sum(
        min((abs(len(c.split()) - len(guess.split())), len(c.split())) for c in references[i])[1]
        for i, guess in hypotheses.items()
    )
    return math.exp(logs + min(0.0, 1 - closest / length))


def plain_rouge(references, guess, beta=1.2):
    def common(a, b):
        table = np.zeros((len(a) + 1, len(b) + 1))
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                longest = max(table[i, j + 1], table[i + 1, j])
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else longest
        return table[-1, -1]

    guess = guess.split()
    lengths = [(common(c.split(), guess), len(c.split())) for c in references]
    p = max(n for n, _ in lengths) / len(guess)
    r = max(n / length for n, length in lengths)
    return (1 + beta**2) * p * r / (r + beta**2 * p) if p and r else 0.0


def plain_cider(references, hypotheses, sigma=6.0):
    """CIDEr-D of each image; document frequencies from the references given."""
    frequency = collections.Counter()
    for captions in references.values():
        frequency.update({g for c in captions for n in range(1, 5) for g in ngrams(c.split(), n)})
    num_images = len(references)

    def vector(text, n):
        counts = ngrams(text.split(), n)
        weights = {g: math.log(num_images / max(1, frequency[g])) for g in counts}
        return {g: count * weights[g] for g, count in counts.items()}

    scores = []
    for image_id, guess in hypotheses.items():
        total = 0.0
        for caption in references[image_id]:
            # pycocoevalcap's length counts bigrams, which leaves the difference of lengths alone.
            penalty = math.exp(-((len(guess.split()) - len(caption.split())) ** 2) / 2 / sigma**2)
            for n in range(1, 5):
                x, y = vector(guess, n), vector(caption, n)
                norms = math.hypot(*x.values()) * math.hypot(*y.values())
                dot = sum(min(x[g], y[g]) * y[g] for g in x.keys() & y.keys())
                total += penalty * dot / norms / 4 if norms else 0.0
        scores.append(10 * total / len(references[image_id]))
    return scores


@pytest.mark.parametrize(
    "references_per_image",
    [lambda i: 1, lambda i: 5, lambda i: 40 if i < 3 else 1, lambda i: 1 + i % 7],
    ids=["1", "5", "some 40", "1 to 7"],
)
def test_scores_equal_plain_versions(references_per_image):
    references, hypotheses = made_up(12, references_per_image)
    metrics = caption_metrics(references, hypotheses, meteor=False)
    assert list(metrics.scores) == list(metrics.per_image) == NAMES
    for n in range(1, 5):
        expected = plain_bleu(references, hypotheses, n)
        assert metrics.scores[f"BLEU-{n}"] == pytest.approx(expected, rel=1e-6)
    rouge = [plain_rouge(references[i], hypotheses[i]) for i in hypotheses]
    assert list(metrics.per_image["ROUGE-L"].values()) == pytest.approx(rouge)
    assert metrics.scores["ROUGE-L"] == pytest.approx(np.mean(rouge))
    cider = plain_cider(references, hypotheses)
    assert list(metrics.per_image["CIDEr"].values()) == pytest.approx(cider)
    assert metrics.scores["CIDEr"] == pytest.approx(np.mean(cider))
    assert list(metrics.per_image["BLEU-4"]) == list(references)
    assert metrics.warnings == []


def test_a_prediction_equal_to_the_reference_has_the_best_scores():
    references = {1: ["A dog runs in the park."], 2: ["Two men ride a red bus !"]}
    hypotheses = {1: "a dog runs in the park", 2: "two men ride a red bus"}
    metrics = caption_metrics(references, hypotheses, meteor=False)
    assert [metrics.scores[name] for name in NAMES[:5]] == pytest.approx([1] * 5)
    assert metrics.scores["CIDEr"] == pytest.approx(10)
    references[1].append("something else entirely is written here")
    metrics = caption_metrics(references, hypotheses, meteor=False)
    assert metrics.per_image["ROUGE-L"][1] == pytest.approx(1)
    assert metrics.per_image["CIDEr"][1] == pytest.approx(5)


def test_bleu_statistics_sum_to_bleu():
    references, hypotheses = made_up(9, lambda i: 3)
    hypotheses[0] = "dog"
    metrics = caption_metrics(references, hypotheses, meteor=False)
    sums = metrics.bleu_statistics.sum(0)
    precision = np.exp(np.mean(np.log(sums[:4] / sums[4:8])))
    brevity = np.exp(min(0, 1 - sums[9] / sums[8]))
    assert metrics.scores["BLEU-4"] == pytest.approx(precision * brevity, rel=1e-6)
    assert metrics.bleu_statistics[0, 8] == 1


def test_one_image_warns_that_cider_means_nothing():
    metrics = caption_metrics({1: ["a dog runs fast"]}, {1: "a dog runs fast"}, meteor=False)
    assert metrics.scores["CIDEr"] == 0
    assert [line[:36] for line in metrics.warnings] == ["CIDEr is meaningless on one image: i"]


def test_empty_captions_score_zero_and_are_counted():
    references = {1: ["a dog runs fast"], 2: ["."], 3: ["a cat sits on a mat"]}
    hypotheses = {1: "", 2: " . ", 3: "a cat sits on a mat"}
    metrics = caption_metrics(references, hypotheses, meteor=False)
    assert metrics.num_empty == 2
    assert metrics.warnings == ["2 captions are empty and score 0"]
    for name in ("ROUGE-L", "CIDEr"):
        values = metrics.per_image[name]
        assert values[1] == values[2] == 0
        assert metrics.scores[name] == pytest.approx(values[3] / 3)


def test_missing_images_are_refused_or_left_out_of_the_document_frequencies():
    references, hypotheses = made_up(6, lambda i: 2)
    del hypotheses[4]
    with pytest.raises(
        ValueError, match=r"`hypotheses` must hold .*`allow_missing=True`.* 1 im.*4"
    ):
        caption_metrics(references, hypotheses, meteor=False)
    metrics = caption_metrics(references, hypotheses, meteor=False, allow_missing=True)
    assert (metrics.num_images, metrics.num_missing) == (5, 1)
    assert metrics.warnings == ["1 images have no caption and are left out of every score"]
    del references[4]
    assert caption_metrics(references, hypotheses, meteor=False).scores == metrics.scores


@pytest.mark.parametrize(
    ("references", "hypotheses", "error", "message"),
    [
        ({1: ["a"]}, {1: "a", "1": "b"}, ValueError, "ids match in type too.* 1 unknown.*'1'"),
        (
            {1: []},
            {1: "a"},
            ValueError,
            r"`references` must hold at least one.*references\[1\]=\[\]",
        ),
        ({1: "a"}, {1: "a"}, TypeError, r"`references` must hold a list of.*references\[1\]='a'"),
        ({1: [2]}, {1: "a"}, TypeError, r"`references` must hold a list of.*references\[1\]=\[2\]"),
        ({1: ["a"]}, {1: ["a"]}, TypeError, r"`hypotheses` must hold one string.*=\['a'\]"),
        (
            {},
            {},
            ValueError,
            "`hypotheses` must hold at least one caption. Received: hypotheses={}",
        ),
        (
            {1: ["a"]},
            dict.fromkeys(range(2, 9), "a"),
            ValueError,
            r"7 unknown images, 2, 3, 4, 5, 6, \.\.\.",
        ),
    ],
)
def test_errors_name_what_came_in(references, hypotheses, error, message):
    with pytest.raises(error, match=message):
        caption_metrics(references, hypotheses, meteor=False)


def test_unknown_choices_are_refused():
    with pytest.raises(ValueError, match=r"`meteor` must be 'auto', True or False.*meteor='yes'"):
        caption_metrics({1: ["a"]}, {1: "a"}, meteor="yes")
    with pytest.raises(
        ValueError, match=r"`tokenizer` must be 'python', 'java' or 'blanks'.*='nltk'"
    ):
        caption_metrics({1: ["a"]}, {1: "a"}, tokenizer="nltk")


def test_without_java_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(java_scorers.shutil, "which", lambda name: None)
    references, hypotheses = made_up(3, lambda i: 2)
    for choice in ({"meteor": True}, {"tokenizer": "java"}):
        with pytest.raises(
            ValueError, match=r"needs Java.*apt install default-jre-headless"
        ) as raised:
            caption_metrics(references, hypotheses, **choice)
        assert "\n" not in str(raised.value)
    metrics = caption_metrics(references, hypotheses)
    assert "METEOR" not in metrics.scores
    assert metrics.warnings == ["METEOR is left out: it needs Java, which is not on the path"]
