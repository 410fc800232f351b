"""Perplexity of a corpus (m-RNN's definition)."""

import math


def corpus_perplexity(sum_log_probabilities: float, num_tokens: int) -> float:
    """Computes log2 PPL = -(1/L) sum log2 P(w_n | w_<n, I) over the words of all sentences.

    It is one mean over all L words, not a mean over sentences. END counts as a word of each
    sentence, since the model must predict it (ours); START is never predicted and does not count.
    Perplexities can only be compared for equal vocabularies and equal counting of END.

    Args:
      sum_log_probabilities: sum of natural logarithms, at most 0; -inf if a word has probability 0.
      num_tokens: L, at least 1.

    Returns:
      The perplexity, at least 1.

    Raises:
      ValueError: the sum is above 0 or NaN, or there are no tokens.

    Example:
      >>> round(corpus_perplexity(10 * math.log(1 / 24), 10), 6)
      24.0
    """
    if not sum_log_probabilities <= 0:
        raise ValueError(
            "`sum_log_probabilities` must be a sum of log-probabilities, at most 0; negate a loss. "
            f"Received: sum_log_probabilities={sum_log_probabilities}"
        )
    if num_tokens < 1:
        raise ValueError(f"`num_tokens` must be at least 1. Received: num_tokens={num_tokens}")
    mean = -float(sum_log_probabilities) / num_tokens
    # Infinity in place of an OverflowError.
    return math.exp(mean) if mean < 709 else math.inf
