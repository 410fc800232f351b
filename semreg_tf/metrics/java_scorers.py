"""The two parts of the COCO caption evaluation that are Java programs: PTB tokens and METEOR."""

import shutil
from collections.abc import Mapping, Sequence

import numpy as np
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

# Java ends a line at each of these, and then captions and lines no longer match.
_LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))


def java_is_found() -> bool:
    """Tells whether a `java` is on the path."""
    return shutil.which("java") is not None


def require_java(argument: str) -> None:
    """Raises an error if `java`, which an argument needs, is not on the path.

    Args:
      argument: the argument and its value, as in `meteor=True`.

    Raises:
      ValueError: no `java` is on the path.
    """
    if not java_is_found():
        raise ValueError(
            f"`{argument}` needs Java, which is not on the path: install a runtime (Debian and "
            f"Ubuntu: `apt install default-jre-headless`) or do without. Received: {argument}"
        )


def tokenize_with_java(captions: Sequence[str]) -> list[str]:
    """Returns captions as blank-separated PTB tokens, by the tokeniser of the COCO evaluation."""
    numbered = {
        index: [{"caption": caption.translate(_LINE_ENDS)}]
        for index, caption in enumerate(captions)
    }
    tokenized = PTBTokenizer().tokenize(numbered) if captions else {}
    if len(tokenized) != len(captions):
        raise RuntimeError(
            f"The Java tokeniser returned {len(tokenized)} lines for {len(captions)} captions"
        )
    return [tokenized[index][0] for index in range(len(captions))]


class _RecordingMeteor(Meteor):
    """METEOR that keeps the statistics of each image, which are otherwise lost."""

    def __init__(self) -> None:
        super().__init__()
        self.statistics: list[list[float]] = []

    def _stat(self, hypothesis_str: str, reference_list: Sequence[str]) -> str:
        line = super()._stat(hypothesis_str, reference_list)
        self.statistics.append([float(value) for value in line.split()])
        return line


def meteor_scores(
    references: Mapping[int | str, Sequence[str]], hypotheses: Mapping[int | str, Sequence[str]]
) -> tuple[float, list[float], np.ndarray]:
    """METEOR 1.5 with `-l en -norm`, as the COCO evaluation calls it.

    Args:
      references: tokenised references of each image.
      hypotheses: one tokenised caption of each image, in a list.

    Returns:
      The score of the corpus (of the summed statistics, not the mean), the score of each image,
      and the statistics `(images, 23)` float64 that `meteor_from_statistics` reads.
    """
    scorer = _RecordingMeteor()
    try:
        corpus, of_images = scorer.compute_score(references, hypotheses)
    except (OSError, ValueError) as error:
        # pycocoevalcap leaves its lock held, and would wait for it for ever in its destructor.
        scorer.lock.release()
        scorer.meteor_p.kill()
        message = scorer.meteor_p.stderr.read().decode(errors="replace").strip()
        raise RuntimeError(f"The Java process of METEOR ended early: {message[-500:]}") from error
    statistics = np.array(scorer.statistics, np.float64)
    # Where all words of both match in one chunk, METEOR does not count that chunk.
    equal = (statistics[:, 20] == 1) & (statistics[:, 21:23] == statistics[:, :2]).all(1)
    statistics[equal, 20] = 0.0
    return corpus, of_images, statistics
