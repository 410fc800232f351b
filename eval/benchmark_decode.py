"""Times greedy and beam search at caption size: 12,000 words, 512 cells, batches of 64 images.

The baseline decodes image by image as im2txt does: one call of a compiled step for every token,
with the best words selected in NumPy. PyTorch's search is batched, with the same weights. Ours is
timed in float32, under XLA, with bfloat16 in the output layer, and with finished images dropped.
The limit is the steps' matrix products. Weights are random. All captions have forced lengths, so
that all ways do the same work: all 19 steps, or lengths like those of real captions.

With a work directory and a data folder, the run's decoder is timed too, on the true concepts of
the validation split.

    python -m eval.benchmark --part=decode
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from eval.interleaved import INSTEAD, LIMIT, Contender, Contest
from eval.synthetic_batches import decoder_products
from eval.torch_peer import TorchPeer
from semreg_tf.data.input_pipeline import load_split
from semreg_tf.data.records import find_builder
from semreg_tf.decoding.beam_search import BeamSearch
from semreg_tf.decoding.greedy import GreedySearch
from semreg_tf.evaluation.scoring import concept_targets
from semreg_tf.training.workdir import load_annotator, load_run

# Smallest share of captions that float32 ways must have in common with the image-by-image loop.
MIN_SAME_SHARE = 0.9


class RandomDecoder(tf.Module):
    """An LSTM decoder with ReLU and random weights, whose captions have forced lengths.

    The output layer reads a step counter in place of the last cell, which makes END impossible
    before the forced length is reached and certain afterwards.

    Attributes:
        vocab_size: Number of output words, and the id of START.
        num_cells: Number of LSTM cells, and size of the word embeddings.
    """

    def __init__(self, vocab_size: int, num_cells: int):
        super().__init__()
        self.num_cells = num_cells
        rng = np.random.default_rng(0)

        def uniform(*shape: int) -> np.ndarray:
            return rng.uniform(-0.08, 0.08, shape).astype(np.float32)

        bias = np.repeat(np.float32([0, 1, 0, 0]), num_cells)
        # With these scales the best word has a probability of some tenths, as in a trained model.
        embeddings = 12.0 * uniform(vocab_size + 1, num_cells)
        kernel = uniform(num_cells, 4 * num_cells)
        output_kernel = 20.0 * uniform(num_cells, vocab_size)
        output_kernel[-1] = 0.0
        self.vocab_size, self.end_id = vocab_size, 0
        output_kernel[-1, self.end_id] = 1.0
        self._embeddings, self._kernel = tf.Variable(embeddings), tf.Variable(kernel)
        self._bias = tf.Variable(bias)
        self._input_table = tf.Variable(embeddings @ kernel + bias)
        self._recurrent_kernel = tf.Variable(uniform(num_cells, 4 * num_cells))
        self._output_kernels = {
            dtype: tf.Variable(tf.cast(output_kernel, dtype)) for dtype in ("float32", "bfloat16")
        }

    def weights(self) -> dict[str, np.ndarray]:
        """Returns name -> weights, float32."""
        variables = {
            "embeddings": self._embeddings,
            "kernel": self._kernel,
            "bias": self._bias,
            "recurrent": self._recurrent_kernel,
            "output": self._output_kernels["float32"],
        }
        return {name: variable.numpy() for name, variable in variables.items()}

    def initial_state(self, batch_size: int, seed: int = 1) -> tuple[tf.Tensor, ...]:
        """Returns a random h0, and zeros for c0 and the step counter."""
        num_cells = self._recurrent_kernel.shape[0]
        hidden = np.random.default_rng(seed).uniform(0, 1, [batch_size, num_cells])
        hidden = tf.constant(hidden, tf.float32)
        return hidden, tf.zeros_like(hidden), tf.zeros([batch_size], tf.int32)

    def step(
        self, token_ids: tf.Tensor, state: Any, lengths: tf.Tensor, dtype: str = "float32"
    ) -> tuple[tf.Tensor, Any]:
        """Returns logits and state; a table has the products of word embeddings and kernel."""
        return self._advance(tf.gather(self._input_table, token_ids), state, lengths, dtype)

    @tf.function
    def plain_step(
        self, token_ids: tf.Tensor, state: Any, lengths: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Returns probabilities and state, without a table: the baseline's compiled step."""
        inputs = tf.matmul(tf.gather(self._embeddings, token_ids), self._kernel) + self._bias
        logits, state = self._advance(inputs, state, lengths, "float32")
        return tf.nn.softmax(logits), state

    def _advance(
        self, inputs: tf.Tensor, state: Any, lengths: tf.Tensor, dtype: str
    ) -> tuple[tf.Tensor, Any]:
        hidden, cell, steps = state
        gates = tf.split(inputs + tf.matmul(hidden, self._recurrent_kernel), 4, axis=1)
        input_gate, forget_gate, output_gate = (
            tf.sigmoid(gate) for gate in (gates[0], gates[1], gates[3])
        )
        cell = forget_gate * cell + input_gate * tf.nn.relu(gates[2])
        hidden = output_gate * tf.nn.relu(cell)
        clock = tf.where(steps < lengths, -1e9, 1e9)[:, None]
        seen = tf.cast(tf.concat([hidden[:, :-1], clock], axis=1), dtype)
        logits = tf.matmul(seen, self._output_kernels[dtype])
        return logits, (hidden, cell, steps + 1)


class TrainedDecoder(tf.Module):
    """The decoder of a run, started from true concepts; caption lengths are not forced.

    Attributes:
        vocab_size: Number of output words, and the id of START.
        num_cells: Number of LSTM cells.
        end_id: The id of END.
    """

    def __init__(self, workdir: str, concepts: np.ndarray):
        super().__init__()
        _, vocabularies, annotator = load_annotator(workdir)
        self._decoder = annotator.decoder
        self.num_cells = annotator.decoder.config.cells
        self.vocab_size, self.end_id = vocabularies.output.size, vocabularies.output.end_id
        self._table = self._decoder.input_table()
        self._concepts = tf.constant(concepts, tf.float32)
        self._half = self._decoder.output_weights(tf.bfloat16)

    def initial_state(self, batch_size: int) -> tuple[tf.Tensor, ...]:
        """Returns the initial state of the first `batch_size` images, from their concepts."""
        outputs = {"concept_probabilities": self._concepts[:batch_size]}
        return self._decoder.initial_state(self._decoder.prepare(outputs))

    def step(
        self, token_ids: tf.Tensor, state: Any, lengths: tf.Tensor, dtype: str = "float32"
    ) -> tuple[tf.Tensor, Any]:
        """Returns logits and state, with the input table; `lengths` are ignored."""
        weights = None if dtype == "float32" else self._half
        return self._decoder.step(token_ids, state, ({},), self._table, weights)

    @tf.function
    def plain_step(
        self, token_ids: tf.Tensor, state: Any, lengths: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Returns probabilities and state, without a table: the baseline's compiled step."""
        logits, state = self._decoder.step(token_ids, state, ({},))
        return tf.nn.softmax(logits), state


Decoder = RandomDecoder | TrainedDecoder


def decode_image_by_image(
    decoder: Decoder, lengths: np.ndarray, *, beam_width: int, max_steps: int
) -> np.ndarray:
    """Decodes image by image as im2txt does, with the rules of `BeamSearch`.

    Args:
        decoder: The model.
        lengths: `(batch,)` int32, the forced lengths.
        beam_width: Number of live hypotheses per image.
        max_steps: Maximum number of tokens, including END.

    Returns:
        `(batch, max_steps)` int32, the best caption of each image, padded with -1.
    """
    states = [leaf.numpy() for leaf in decoder.initial_state(len(lengths))]
    token_ids = np.full([len(lengths), max_steps], -1, np.int32)
    end_id = decoder.end_id
    for image, length in enumerate(lengths):
        state = [leaf[image : image + 1] for leaf in states]
        live, completed = [(0.0, [])], []
        for _ in range(max_steps):
            last_ids = np.int32([words[-1] if words else decoder.vocab_size for _, words in live])
            forced = np.full(len(live), length, np.int32)
            probabilities, state = decoder.plain_step(last_ids, tuple(state), forced)
            extended = list(_extend(live, probabilities.numpy(), beam_width, end_id))
            completed += [(total, words) for total, words, _, word in extended if word == end_id]
            extended = [candidate for candidate in extended if candidate[3] != end_id]
            extended = sorted(extended, key=lambda candidate: -candidate[0])[:beam_width]
            completed = sorted(completed, key=lambda candidate: -candidate[0])[:beam_width]
            worst = completed[-1][0] if len(completed) == beam_width else -np.inf
            if not extended or extended[0][0] <= worst:
                break
            live = [(total, [*words, word]) for total, words, _, word in extended]
            parents = [row for _, _, row, _ in extended]
            state = [leaf.numpy()[parents] for leaf in state]
        words = (completed or live)[0][1]
        token_ids[image, : len(words)] = words
    return token_ids


def _extend(
    live: list, probabilities: np.ndarray, beam_width: int, end_id: int
) -> Iterator[tuple[float, list[int], int, int]]:
    """Yields (log-probability, words before, row, word) for the best words of each hypothesis."""
    best = np.argpartition(-probabilities, beam_width, axis=1)[:, : beam_width + 1]
    for row, (total, words) in enumerate(live):
        ranked = sorted(best[row], key=lambda word: -probabilities[row, word])
        for rank, word in enumerate(ranked):
            probability = probabilities[row, word]
            if probability > 0.0 and (rank < beam_width or word != end_id):
                yield total + float(np.log(probability)), words, row, int(word)


def batched_decoder(
    decoder: Decoder, dtype: str = "float32", **arguments: Any
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from lengths `(batch,)` to captions `(batch, max_steps)`, int32."""
    ids = {"start_id": decoder.vocab_size, "end_id": decoder.end_id}
    if arguments["beam_width"] == 1:
        del arguments["beam_width"]
        searcher = GreedySearch(**ids, **arguments)
    else:
        searcher = BeamSearch(**ids, **arguments)

    @tf.function
    def search(state: Any, lengths: tf.Tensor) -> tf.Tensor:
        captions = searcher(
            lambda *step_arguments: decoder.step(*step_arguments, dtype=dtype), state, lengths
        ).token_ids
        return captions if len(captions.shape) == 2 else captions[:, 0]

    return lambda lengths: search(decoder.initial_state(len(lengths)), tf.constant(lengths)).numpy()


class Sizes(NamedTuple):
    """Sizes of the decoder and the search.

    Attributes:
        vocab_size: Number of output words.
        num_cells: Number of LSTM cells, and size of the word embeddings.
        beam_width: Number of live hypotheses per image.
        max_steps: Maximum number of tokens, including END.
    """

    vocab_size: int = 12_000
    num_cells: int = 512
    beam_width: int = 3
    max_steps: int = 19


def search_contest(
    decoder: Decoder,
    name: str,
    lengths: np.ndarray,
    rules: dict[str, int],
    peer: TorchPeer | None = None,
) -> Contest:
    """Returns the contest of decoding one batch.

    Args:
        decoder: The model.
        name: Name of the lengths, part of the contest's name.
        lengths: `(batch,)` int32, the forced lengths.
        rules: `beam_width`, with 1 for greedy search, and `max_steps`.
        peer: PyTorch's process, which has the decoder's weights and these lengths under `name`.

    Raises:
        ValueError: The captions of a float32 way differ from those of the baseline.
    """
    ours = {
        "ours, float32": batched_decoder(decoder, **rules),
        "ours, XLA": batched_decoder(decoder, jit_compile=True, **rules),
        "ours, bfloat16 output": batched_decoder(decoder, "bfloat16", **rules),
    }
    if rules["beam_width"] > 1:
        ours |= {
            "ours, finished dropped": batched_decoder(decoder, drop_finished=True, **rules),
            "ours, finished dropped, bfloat16 output": batched_decoder(
                decoder, "bfloat16", drop_finished=True, **rules
            ),
        }
    baseline = functools.partial(decode_image_by_image, decoder, **rules)
    expected = baseline(lengths)
    for way, decode in ours.items():
        same = np.all(decode(lengths) == expected, axis=1).mean()
        # Another order of summation may decide differently between beams of equal score.
        if "bfloat16" not in way and same < MIN_SAME_SHARE:
            raise ValueError(f"all ways must find the same captions. Received: {way}, {same:.3f}")
    ways = [Contender("image by image, as im2txt", _call(baseline, lengths), INSTEAD)]
    if peer is not None:
        width = rules["beam_width"]
        ways.append(peer.contender("PyTorch, batched", f"{name} {width}", len(lengths)))
    ways += [Contender(way, _call(decode, lengths)) for way, decode in ours.items()]
    width, steps = rules["beam_width"], int(np.minimum(lengths + 1, rules["max_steps"]).max())
    products = decoder_products(len(lengths) * width, decoder.num_cells, decoder.vocab_size, steps)
    ways.append(Contender("its matrix products alone, float32", products, LIMIT))
    search = "greedy" if width == 1 else f"beam of {width}"
    return Contest(f"{search}, {len(lengths)} images, {name}", "caption", len(lengths), ways)


def contests(
    torch_python: str | None = None,
    *,
    trained: TrainedDecoder | None = None,
    images: int = 64,
    sizes: Sizes | None = None,
) -> Iterator[Contest]:
    """Yields greedy and beam search with all steps, and beam search with captions' lengths.

    Args:
        torch_python: Interpreter with PyTorch; None: PyTorch is not timed.
        trained: A trained decoder to time too, or None.
        images: Batch size.
        sizes: Sizes of the random decoder and of the search; None: the defaults of `Sizes`.
    """
    sizes = sizes or Sizes()
    decoder = RandomDecoder(sizes.vocab_size, sizes.num_cells)
    drawn = np.random.default_rng(images).normal(10.5, 2.5, images)
    lengths = {
        "all steps": np.full(images, sizes.max_steps + 1, np.int32),
        "lengths of captions": np.clip(np.round(drawn), 1, sizes.max_steps - 1).astype(np.int32),
    }
    rules = {"beam_width": sizes.beam_width, "max_steps": sizes.max_steps}
    with TorchPeer.started(torch_python) as peer:
        if peer is not None:
            hidden = decoder.initial_state(images)[0].numpy()
            peer.prepare("decode", hidden=hidden, **rules, **lengths, **decoder.weights())
        for width, name in ((1, "all steps"), *((sizes.beam_width, name) for name in lengths)):
            yield search_contest(decoder, name, lengths[name], {**rules, "beam_width": width}, peer)
    if trained is not None:
        yield search_contest(trained, "a run's own", lengths["lengths of captions"], rules)


def _call(decode: Callable[[np.ndarray], object], lengths: np.ndarray) -> Callable[[int], None]:
    def call(_: int) -> None:
        decode(lengths)

    return call


def trained_decoder(workdir: str, data_dir: str) -> TrainedDecoder:
    """Loads a run's decoder that reads concepts, with the true ones of the validation split."""
    config, vocabularies, _ = load_run(workdir)
    builder = find_builder(data_dir, config.data.dataset)
    split = load_split(builder, config.data.validation_split, vocabularies, config.data)
    return TrainedDecoder(workdir, concept_targets(split))
