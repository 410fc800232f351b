"""What a LiteRT file computes: a picture's concepts, the decoder's step, and whole searches."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from semreg_tf.data import image_ops
from semreg_tf.exporting.served_annotator import ServedAnnotator

Outputs = dict[str, tf.Tensor]
CONCEPTS, STEP, TOP_K = "concepts", "step", "top_k"


class LiteRTSignatures(tf.Module):
    """Signatures over an annotator, for one picture a call; LiteRT knows no strings.

    All but `step` take `image`, (1, size, size, 3) float32: RGB in [0, 255], resized and cropped;
    the normalisation is inside. Of a model that reads user tags they also take `user_tags`,
    (1, num_user_tags) float32, 0/1.

    - `concepts`: `concept_probabilities`, (1, num_concepts), and what `step` reads of the picture:
      `state_0`, `state_1`, ..., `context_0`, ..., each with one row.
    - `step`: `token_ids`, (rows,) int32, `state_*` and `context_*` of any number of rows, to
      `log_probabilities` of the next token, (rows, vocab_size), and the new `state_*`.
    - `greedy` and `beam`: the whole search. `token_ids`, (1, results, steps) int32, -1 behind the
      last; `scores`, (1, results), below -3e4 where fewer were found; `concept_probabilities`;
      and of a tag model `label_scores`, (1, results, steps), as in a SavedModel.
    - `top_k`, of a CNN alone and in place of the other three: the best labels, by the same names.

    Attributes:
      size: the side of the encoder's input.

    Args:
      served: the annotator, weights stored in float32.
      size: the side of the encoder's input.
      normalisation: of `image_ops.normalise`.
      num_user_tags: how many it reads; 0: none.
    """

    def __init__(
        self, served: ServedAnnotator, size: int, normalisation: str, num_user_tags: int
    ) -> None:
        super().__init__()
        self._served, self._normalisation = served, normalisation
        self.size = size
        self._inputs = {"image": tf.TensorSpec((1, size, size, 3), tf.float32, "image")}
        if num_user_tags:
            self._inputs["user_tags"] = tf.TensorSpec((1, num_user_tags), tf.float32, "user_tags")

    @property
    def default(self) -> str:
        """The signature that answers as the SavedModel does."""
        return TOP_K if self._served.annotator.decoder is None else self._served.decoding.method

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the signatures by name."""
        concepts = tf.function(self._concepts).get_concrete_function(**self._inputs)
        if self.default == TOP_K:
            return {CONCEPTS: concepts, TOP_K: self._concrete(self._search(TOP_K))}
        carried = {
            name: tf.TensorSpec((None, *x.shape[1:]), x.dtype, name)
            for name, x in concepts.structured_outputs.items()
            if name != "concept_probabilities"
        }
        token_ids = tf.TensorSpec((None,), tf.int32, "token_ids")
        step = tf.function(self._step).get_concrete_function(token_ids=token_ids, **carried)
        searches = {name: self._concrete(self._search(name)) for name in ("greedy", "beam")}
        return {CONCEPTS: concepts, STEP: step, **searches}

    def _concrete(self, function: Callable) -> tf.types.experimental.ConcreteFunction:
        return tf.function(function).get_concrete_function(**self._inputs)

    def _encoded(self, inputs: Outputs) -> Outputs:
        pixels = image_ops.normalise(inputs["image"], self._normalisation)
        return self._served.annotator.encode({**inputs, "image": pixels})

    def _concepts(self, **inputs: tf.Tensor) -> Outputs:
        with self._served.weights.in_use():
            outputs = self._encoded(inputs)
            found = {"concept_probabilities": outputs["concept_probabilities"]}
            if self.default != TOP_K:
                _, state, context = self._served.annotator.search_start(outputs)
                self._carried = tf.nest.map_structure(lambda tensor: None, (state, context))
                found |= _named(state, context)
            return found

    def _step(self, token_ids: tf.Tensor, **given: tf.Tensor) -> Outputs:
        state, context = self._carried
        names = list(_named(state, context))
        leaves = tf.nest.pack_sequence_as((state, context), [given[name] for name in names])
        with self._served.weights.in_use():
            logits, state = self._served.annotator.decoder.step(token_ids, *leaves)
            scores = tf.nn.log_softmax(tf.cast(logits, tf.float32))
            return {"log_probabilities": scores, **_named(state, ())}

    def _search(self, method: str) -> Callable[..., Outputs]:
        decoding = self._served.decoding
        if method != TOP_K:
            # bfloat16 is no type of LiteRT's operations.
            decoding = dataclasses.replace(decoding, method=method, bfloat16_output=False)

        def search(**inputs: tf.Tensor) -> Outputs:
            with self._served.weights.in_use():
                outputs = self._encoded(inputs)
                ids, scores, label_scores = self._served.find(outputs, decoding)
            more = {} if label_scores is None else {"label_scores": label_scores}
            probabilities = outputs["concept_probabilities"]
            found = {"token_ids": ids, "scores": scores, "concept_probabilities": probabilities}
            # Named here, for a converter may merge outputs that are one tensor.
            return {name: tf.identity(x, name) for name, x in {**found, **more}.items()}

        return search


def _named(state: object, context: object) -> Outputs:
    """Returns the tensors of a decoder's state and context by name, in order."""
    return {
        f"{name}_{place}": tensor
        for name, nested in (("state", state), ("context", context))
        for place, tensor in enumerate(tf.nest.flatten(nested))
    }
