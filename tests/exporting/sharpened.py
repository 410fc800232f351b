"""A new model whose answers two runtimes can agree on."""

import numpy as np


def sharpened(part):
    """Makes words differ: a new decoder finds sequences that rounding alone can rank."""
    decoder = part.annotator.decoder
    if decoder is not None and decoder.config.tie_output:
        # Its word embedding is its output layer too.
        for variable in decoder.trainable_variables:
            variable.assign((50 if "word_embedding" in variable.path else 5) * variable)
    elif decoder is not None:
        rng, bias = np.random.default_rng(0), decoder.output_layer.bias
        decoder.output_layer.kernel.assign(50 * decoder.output_layer.kernel)
        # END is the last, and rare enough that there is something to be said before it.
        bias.assign(rng.normal(size=bias.shape) - 2 * np.eye(bias.shape[0])[-1])
    if decoder is None:
        # Probabilities that are 1 but for rounding have no order.
        for variable in part.annotator.head.trainable_variables:
            if "image_logits" in variable.path:
                variable.assign(0.2 * variable)
    return part
