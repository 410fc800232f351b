"""How the image reaches the decoder, what that is, and how it is read (Sec. 3.3, Fig. 1)."""

from typing import Annotated, Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class ConditioningConfig(Checked):
    """One way in which the image reaches the decoder (Fig. 1)."""

    # "init_state" is Fig. 1(b, d), "step_zero" Fig. 1(a), "output_fusion" Fig. 1(c);
    # "unsaid_concepts" gives each step the concepts not said yet (after Fang et al. 2015).
    kind: str = "init_state"
    # "spatial_features": the CNN's map, of which "soft_attention" reads the cells and the other
    # kinds the mean over them; "none": nothing of the image, where the kind allows it (m-RNN's
    # RNN-base).
    embedding: Literal["features", "concepts", "spatial_features", "none"] = "concepts"
    # The text sets h0 alone, so c0 = 0 (ours); "both": h0 and c0.
    states: Literal["hidden", "both"] = "hidden"
    # Sec. 3.1: h0 = Wi Ie + bi, linear. Of "attribute_attention" the attributes' at the output.
    activation: Literal["linear", "tanh", "relu"] = "linear"
    # Of "step_zero": the decoder's input dropout reaches the image too (im2txt); or words alone.
    input_dropout: bool = True
    # True: the gradient of Lr stops here (a control; the paper lets it flow).
    stop_gradient: bool = False
    # Of "output_fusion" (Wang et al. 2016: 64), "multimodal_output" (Mao et al. 2015: 512), the
    # hidden layer of "soft_attention" (Xu et al. 2015 name no width) and the cell's input after
    # "attribute_attention" (ours: no width is known).
    width: int = number(64, 1)
    # Of "attribute_attention": how many of the likeliest concepts are attended (You et al. 2016).
    num_attributes: int = number(10, 1)
    # Of "attribute_attention": the weight of its attention's penalty, summed over time as Lr is
    # (ours), with exponents p > 1 over a sentence and 0 < q < 1 at a step (You et al. 2016); their
    # values, and what is added to each weight, are a re-implementation's.
    attention_penalty: float = number(0.0, 0.0)
    penalty_p: float = number(2.0, 1.0)
    penalty_q: float = number(0.5, 0.01, 1.0)
    penalty_epsilon: float = number(1e-3, 0.0)


@config_class
class DecoderConfig(Checked):
    """The relational model (eqs. 2, 3)."""

    # "lstm": BasicLSTMCell (Sec. 4.2); "peephole_lstm": the W_.c terms of eq. 2;
    # "gru": Cho et al. 2014; "additive_rnn": r_t = f(U r_{t-1} + w_t) (Mao et al. 2015).
    cell: Literal["lstm", "peephole_lstm", "gru", "additive_rnn"] = "lstm"
    cells: int = number(512, 1)
    word_embedding: int = number(512, 1)
    # Width of a second embedding layer, a linear map of the first (Mao et al. 2015: 128, then
    # 256; that it is linear is ours); None: there is none.
    second_embedding: int | None = number(None, 1)
    # Sec. 4.2, stated for tags, taken over for captions.
    activation: Literal["relu", "tanh"] = "relu"
    # im2txt keeps 0.7 on the LSTM's input and output; 0: none.
    input_dropout: float = number(0.0, 0.0, 0.99)
    output_dropout: float = number(0.0, 0.0, 0.99)
    # im2txt: uniform +-0.08; None: Keras's defaults.
    initializer_range: float | None = number(None, 0.0)
    # Scores by the word embedding itself (Wang et al. 2016).
    tie_output: bool = False
    # Lr's target keeps 1 minus this on the right word, the rest spread evenly (Szegedy et al.
    # 2016); the paper's loss has none.
    label_smoothing: float = number(0.0, 0.0, 0.99)
    # "data": labels in `data.label_order`, the paper's way. "minimal_loss", "predicted": the
    # decoder is fed its own choices and chooses the order (Yazici et al. 2020: MLA, PLA).
    alignment: Literal["data", "minimal_loss", "predicted"] = "data"

    @property
    def input_width(self) -> int:
        """Width of the word embedding that the cell and the conditionings read."""
        return self.second_embedding or self.word_embedding

    def check(self) -> None:
        """Refuses a sum of vectors that differ in width."""
        if self.cell == "additive_rnn" and self.cells != self.input_width:
            raise ValueError(
                "`cells` must be the word embedding's width, that of the second where there is "
                "one, for cell='additive_rnn', which adds the two. "
                f"Received: cells={self.cells}, a word embedding of {self.input_width}"
            )


@config_class
class DecodingConfig(Checked):
    """How a sequence is read out (Sec. 3.3)."""

    # Tags: greedy. Captions: beam. CNN rows: the top labels by score.
    method: Literal["greedy", "beam", "top_k"] = "beam"
    beam_width: int = number(3, 1)
    # im2txt: 20 tokens with START, so 19 expansions.
    max_steps: int = number(19, 1)
    # im2txt: none.
    length_normalisation: float = number(0.0, 0.0)
    # The paper just takes the maximum; True masks a label once it is out.
    block_repeats: bool = False
    # An export's answers hold no label twice, whatever `block_repeats` says of evaluation (ours).
    block_repeats_in_export: bool = True
    # True: a caption never says <unk>; off, as in im2txt and in the papers' scores.
    block_unknown: bool = False
    # What several models' words are averaged by: probabilities (ours), or their logarithms.
    ensemble_mean: Literal["probabilities", "log_probabilities"] = "probabilities"
    # Added to END's score at each step: below 0 for longer label lists, above 0 for shorter (ours).
    end_bias: float = number(0.0, -100.0, 100.0)
    # Tags: evaluation also cuts the geometric mean of the CNN's and the decoder's probabilities.
    combine: bool = False
    # The output layer's product in bfloat16: 1.2 to 1.5 times the captions a second on a CPU that
    # has it, but about a third of the captions change, so off (ours, measured). "auto": where this
    # machine is faster in it.
    bfloat16_output: Literal[True, False, "auto"] = False
    # Sec. 4.2: the top three labels of fixed-length models.
    top_k: int = number(3, 1)
    # Evaluation also scores exactly so many labels an image: the literature of Corel-5k, ESP Game
    # and IAPR TC-12 compares at 5. Empty: the model's own number alone, as in the paper.
    fixed_lengths: tuple[Annotated[int, number(..., 1)], ...] = ()


@config_class
class LabelsConfig(Checked):
    """The labels that a captioner lists as well: a concept head and a decoder of their own (ours).

    The losses of both tasks are summed at each step, L = Lu + Lr(captions) + Lr(labels), where Lu
    (eq. 5) is over the concepts of both. How the image reaches the decoder, and the concept head,
    are as the captioner's.
    """

    # Sec. 4.2: 512 cells, a word embedding of 256.
    decoder: DecoderConfig = DecoderConfig(word_embedding=256)
    decoding: DecodingConfig = DecodingConfig(method="greedy")
    # Sec. 4.1: rare labels first.
    label_order: Literal["rare_first", "frequent_first", "alphabetical", "random"] = "rare_first"
    # Of the labels' losses, Lu and Lr; the captioner's weigh 1.
    weight: float = number(1.0, 0.0)
