"""The signatures of a LiteRT file: concepts of a picture, the decoder's step, whole searches."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from semreg_tf.data import image_ops
from semreg_tf.exporting.served_annotator import ServedAnnotator

Outputs = dict[str, tf.Tensor]
CONCEPTS, STEP, TOP_K = "concepts", "step", "top_k"
GREEDY, BEAM = "greedy", "beam"


class LiteRTSignatures(tf.Module):
    """Signatures of an annotator for one picture per call, without strings, which LiteRT lacks.

    All but `step` read `image`, (1, size, size, 3) float32: RGB in [0, 255], resized and cropped;
    the normalisation is part of the signature. For models that read user tags, they also read
    `user_tags`, (1, num_user_tags) float32, 0/1.

    - `concepts` returns `concept_probabilities`, (1, num_concepts), and the inputs of `step` that
      depend on the picture: `state_0`, `state_1`, ..., `context_0`, ..., each with one row.
    - `step` reads `token_ids`, (rows,) int32, and `state_*` and `context_*` with any number of
      rows; it returns `log_probabilities` of the next token, (rows, vocab_size), and the new
      `state_*`.
    - `greedy` and `beam` run the whole search. They return `token_ids`, (1, results, steps) int32,
      -1 behind the last; `scores`, (1, results), below -3e4 for missing results;
      `concept_probabilities`; and for tag models `label_scores`, (1, results, steps), as in a
      SavedModel. `combined` is there if it is the config's `decoding.method`, with the same names.
    - `top_k` replaces the other three for a CNN without decoder, and returns the best labels under
      the same names.

    Attributes:
      size: the side of the encoder's input.

    Args:
      served: the annotator, with float32 weights.
      size: the side of the encoder's input.
      normalisation: a normalisation of `image_ops.normalise`.
      num_user_tags: number of user tags that the model reads; 0: none.
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
        """The name of the signature with the same answers as the SavedModel."""
        return TOP_K if self._served.annotator.decoder is None else self._served.decoding.method

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns name -> signature."""
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
        methods = dict.fromkeys((GREEDY, BEAM, self.default))
        searches = {name: self._concrete(self._search(name)) for name in methods}
        return {CONCEPTS: concepts, STEP: step, **searches}

    def _concrete(self, function: Callable) -> tf.types.experimental.ConcreteFunction:
        return tf.function(function).get_concrete_function(**self._inputs)

    def _encoded(self, inputs: Outputs) -> Outputs:
        pixels = image_ops.normalise(inputs["image"], self._normalisation)
        return self._served.annotator.encode({**inputs, "image": pixels})

    def _concepts(self, **inputs: tf.Tensor) -> Outputs:
        with self._served.weights.in_use():
            outputs = self._encoded(inputs)
            tensors = {"concept_probabilities": outputs["concept_probabilities"]}
            if self.default != TOP_K:
                _, state, context = self._served.annotator.search_start(outputs)
                self._carried = tf.nest.map_structure(lambda tensor: None, (state, context))
                tensors |= _named(state, context)
            return tensors

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
            # LiteRT's operations do not support bfloat16.
            decoding = dataclasses.replace(decoding, method=method, bfloat16_output=False)

        def search(**inputs: tf.Tensor) -> Outputs:
            with self._served.weights.in_use():
                outputs = self._encoded(inputs)
                ids, scores, label_scores = self._served.find(outputs, decoding)
            more = {} if label_scores is None else {"label_scores": label_scores}
            probabilities = outputs["concept_probabilities"]
            answer = {"token_ids": ids, "scores": scores, "concept_probabilities": probabilities}
            # Identity ops, because the converter may merge outputs that are the same tensor.
            return {name: tf.identity(x, name) for name, x in {**answer, **more}.items()}

        return search


def _named(state: object, context: object) -> Outputs:
    """Returns name -> tensor of a decoder's state and context, in order."""
    return {
        f"{name}_{place}": tensor
        for name, nested in (("state", state), ("context", context))
        for place, tensor in enumerate(tf.nest.flatten(nested))
    }
