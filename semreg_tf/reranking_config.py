"""How captions are reranked once they are found."""

from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class RerankingConfig(Checked):
    """Which of the captions found is given, where an evaluation asks for it."""

    # Of "consensus": "cider", or "bleu": the mean F1 of n-grams up to four.
    similarity: Literal["cider", "bleu"] = "cider"
    # Mao et al.'s released procedure: ten hypotheses of the beam, 60 nearest training images.
    # Fang et al. rerank 500 of another model.
    hypotheses: int = number(10, 1)
    neighbours: int = number(60, 1)
    # The highest similarities that count; None: theirs, 125 for CIDEr and 175 for BLEU.
    best: int | None = number(None, 1)
    # "consensus": with the captions of like training images (Mao et al. 2015); "linear": by a
    # linear combination of likelihood, length and detected words said (after Fang et al. 2015).
    method: Literal["consensus", "linear"] = "consensus"
    # Of "linear": the metric that the weights are fitted to on the validation split (Fang et al.:
    # BLEU), and the probability from which on a concept is detected (ours).
    fitted_to: Literal["BLEU-4", "CIDEr"] = "BLEU-4"
    detected_from: float = number(0.5, 0.0, 1.0)

    @property
    def num_best(self) -> int:
        """`best`, or the published number for the similarity."""
        return self.best or {"cider": 125, "bleu": 175}[self.similarity]
