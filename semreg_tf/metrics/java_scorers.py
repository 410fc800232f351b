"""The Java programs of the COCO caption evaluation: the PTB tokeniser and METEOR."""

import shutil
from collections.abc import Mapping, Sequence

import numpy as np
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

# Characters that end a line in Java; within a caption they would make two lines of it.
_LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))


def java_is_found() -> bool:
    """Returns whether `java` is on the path."""
    return shutil.which("java") is not None


def require_java(argument: str) -> None:
    """Checks that `java` is on the path.

    Args:
      argument: the argument that needs it, with its value, such as "meteor=True".

    Raises:
      ValueError: `java` is not on the path.
    """
    if not java_is_found():
        raise ValueError(
            f"`{argument}` needs Java, which is not on the path: install it (Debian and Ubuntu: "
            f"`apt install default-jre-headless`) or change the argument. Received: {argument}"
        )


def tokenize_with_java(captions: Sequence[str]) -> list[str]:
    """Returns captions as blank-separated PTB tokens of the COCO evaluation's tokeniser."""
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
    """METEOR that records the statistics of each image."""

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
    """Computes METEOR 1.5 of tokenised captions with the COCO evaluation's `-l en -norm`.

    Returns:
      The score of the corpus (from summed statistics, not the mean), the score of each image, and
      the statistics `(images, 23)` float64 for `meteor_from_statistics`.
    """
    scorer = _RecordingMeteor()
    try:
        corpus, of_images = scorer.compute_score(references, hypotheses)
    except (OSError, ValueError) as error:
        # pycocoevalcap does not release its lock, and its destructor would wait for it for ever.
        scorer.lock.release()
        scorer.meteor_p.kill()
        message = scorer.meteor_p.stderr.read().decode(errors="replace").strip()
        raise RuntimeError(f"The Java process of METEOR ended early: {message[-500:]}") from error
    statistics = np.array(scorer.statistics, np.float64)
    # METEOR does not count the chunk of two sentences that match as a whole.
    equal = (statistics[:, 20] == 1) & (statistics[:, 21:23] == statistics[:, :2]).all(1)
    statistics[equal, 20] = 0.0
    return corpus, of_images, statistics
