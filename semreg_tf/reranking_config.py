"""Config of the reranking of decoded captions."""

from collections.abc import Iterable
from typing import Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class RerankingConfig(Checked):
    """How an evaluation with reranking chooses one of an image's hypotheses."""

    # For "consensus": "cider", or "bleu", the mean F1 of n-grams up to four.
    similarity: Literal["cider", "bleu"] = "cider"
    # Number of beam-search hypotheses per image. Ten in Mao et al.'s released code; Fang et al.
    # rerank 500 hypotheses of another model.
    hypotheses: int = number(10, 1)
    # For "consensus": number of nearest training images. 60 in Mao et al.'s released code.
    neighbours: int = number(60, 1)
    # For "consensus": number of highest similarities that are averaged; None: those of Mao et al.,
    # 125 for CIDEr and 175 for BLEU.
    best: int | None = number(None, 1)
    # "consensus": similarity to the captions of similar training images (Mao et al. 2015);
    # "linear": a linear combination of likelihood, length and mentioned detected words (after Fang
    # et al. 2015).
    method: Literal["consensus", "linear"] = "consensus"
    # For "linear": the metric to which the weights are fitted on the validation split (Fang et al.:
    # BLEU).
    fitted_to: Literal["BLEU-4", "CIDEr"] = "BLEU-4"
    # For "linear": concepts with at least this probability are detected (ours).
    detected_from: float = number(0.5, 0.0, 1.0)

    @property
    def num_best(self) -> int:
        """`best`, or the published value for the similarity."""
        return self.best or {"cider": 125, "bleu": 175}[self.similarity]


def check_unchanged(overrides: Iterable[str], unread_by: str) -> None:
    """Refuses overrides of the reranking where nothing is reranked.

    Args:
      overrides: such as "reranking.neighbours=30" or "decoding.beam_width=5".
      unread_by: what does not rerank, for the message.

    Raises:
      ValueError: an override is of the reranking.
    """
    for override in overrides:
        if override.removeprefix("labels.").startswith("reranking."):
            raise ValueError(
                f"`--config` must not change reranking.* of {unread_by}, which reranks nothing. "
                f"Received: --config.{override}"
            )
