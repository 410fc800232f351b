"""Perplexity of a corpus, as m-RNN defines it."""

import math


def corpus_perplexity(sum_log_probabilities: float, num_tokens: int) -> float:
    """Perplexity of all sentences together: log2 PPL = -(1/L) sum log2 P(w_n | w_<n, I).

    One mean over all words of all sentences, not a mean over sentences. L counts the tokens
    whose log-probabilities are summed. Ours counts END as a word of each sentence, since the
    model must predict it; START is never predicted and never counts. To leave END out, leave it
    out of both arguments. Perplexities compare at equal vocabularies and equal counting of END
    alone, so say both beside the figure.

    Args:
      sum_log_probabilities: sum of natural logarithms, at most 0; -inf where a word is ruled out.
      num_tokens: L, at least 1.

    Returns:
      The perplexity, at least 1.

    Raises:
      ValueError: a sum above 0 or NaN, or no tokens.

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
    # Beyond the range of floats the answer is infinity, not an OverflowError.
    return math.exp(mean) if mean < 709 else math.inf
