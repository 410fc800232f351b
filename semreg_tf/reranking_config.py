"""How captions are reranked once they are found."""

from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class RerankingConfig(Checked):
    """Consensus reranking of captions (Mao et al. 2015), where an evaluation asks for it."""

    # "cider", or "bleu": the mean F1 of n-grams up to four.
    similarity: Literal["cider", "bleu"] = "cider"
    # Their released procedure: ten hypotheses of the beam, 60 nearest training images.
    hypotheses: int = number(10, 1)
    neighbours: int = number(60, 1)
    # The highest similarities that count; None: theirs, 125 for CIDEr and 175 for BLEU.
    best: int | None = number(None, 1)

    @property
    def num_best(self) -> int:
        """`best`, or the published number for the similarity."""
        return self.best or {"cider": 125, "bleu": 175}[self.similarity]
