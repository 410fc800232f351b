"""Configs of conditionings, decoder and decoding (Sec. 3.3, Fig. 1)."""

from typing import Annotated, Literal

from semreg_tf.config_checks import Checked, config_class, number


@config_class
class ConditioningConfig(Checked):
    """One way in which the image reaches the decoder (Fig. 1)."""

    # "init_state" is Fig. 1(b, d), "step_zero" Fig. 1(a), "output_fusion" Fig. 1(c);
    # "unsaid_concepts" gives each step the concepts not emitted yet (after Fang et al. 2015).
    kind: str = "init_state"
    # The encoder output that is read. "spatial_features": the CNN's map, of which "soft_attention"
    # reads the cells and other kinds their mean; "none": no image, for kinds that allow it (m-RNN's
    # RNN-base).
    embedding: Literal["features", "concepts", "spatial_features", "none"] = "concepts"
    # The states that are set: "hidden": h0, as in the text, and c0 = 0 (ours); "both": h0 and c0.
    states: Literal["hidden", "both"] = "hidden"
    # Activation of h0 = Wi Ie + bi (Sec. 3.1: linear), and for "attribute_attention" of the
    # attributes at the output.
    activation: Literal["linear", "tanh", "relu"] = "linear"
    # For "step_zero": whether the decoder's input dropout applies to the image too (im2txt).
    input_dropout: bool = True
    # True: the gradient of Lr stops here (a control; in the paper it flows).
    stop_gradient: bool = False
    # Width of "output_fusion" (Wang et al. 2016: 64), of "multimodal_output" (Mao et al. 2015:
    # 512), of the hidden layer of "soft_attention" (Xu et al. 2015 state none), and of the cell's
    # input after "attribute_attention" (ours).
    width: int = number(64, 1)
    # For "attribute_attention": number of most probable concepts (You et al. 2016).
    num_attributes: int = number(10, 1)
    # For "attribute_attention": weight of the attention penalty (You et al. 2016), summed over time
    # as Lr is (ours).
    attention_penalty: float = number(0.0, 0.0)
    # Its exponent p > 1 over a sentence (value of a re-implementation).
    penalty_p: float = number(2.0, 1.0)
    # Its exponent 0 < q < 1 at a step (value of a re-implementation).
    penalty_q: float = number(0.5, 0.01, 1.0)
    # Added to each weight (value of a re-implementation).
    penalty_epsilon: float = number(1e-3, 0.0)


@config_class
class DecoderConfig(Checked):
    """The relational model (eqs. 2, 3)."""

    # "lstm": BasicLSTMCell (Sec. 4.2); "peephole_lstm": the W_.c terms of eq. 2;
    # "gru": Cho et al. 2014; "additive_rnn": r_t = f(U r_{t-1} + w_t) (Mao et al. 2015).
    cell: Literal["lstm", "peephole_lstm", "gru", "additive_rnn"] = "lstm"
    cells: int = number(512, 1)
    word_embedding: int = number(512, 1)
    # Width of a second embedding layer, a linear map of the first (Mao et al. 2015: 128, then 256;
    # linear is ours); None: no such layer.
    second_embedding: int | None = number(None, 1)
    # Sec. 4.2, stated for tags and used for captions too.
    activation: Literal["relu", "tanh"] = "relu"
    # Dropout rate of the LSTM's input (im2txt: 0.3).
    input_dropout: float = number(0.0, 0.0, 0.99)
    # Dropout rate of the LSTM's output (im2txt: 0.3).
    output_dropout: float = number(0.0, 0.0, 0.99)
    # Dropout rate of the concept probabilities that the decoder reads in training; Lu is computed
    # from all of them, and the others are not scaled up (ours).
    concept_dropout: float = number(0.0, 0.0, 0.99)
    # Weights are initialised uniformly in +-this (im2txt: 0.08); None: Keras's defaults.
    initializer_range: float | None = number(None, 0.0)
    # Whether the output layer uses the word embedding's weights (Wang et al. 2016).
    tie_output: bool = False
    # Label smoothing of Lr (Szegedy et al. 2016); the paper's loss has none.
    label_smoothing: float = number(0.0, 0.0, 0.99)
    # Order of target labels. "data": `data.label_order`, as in the paper; "minimal_loss" and
    # "predicted": ordered by the decoder's own predictions (Yazici et al. 2020: MLA, PLA).
    alignment: Literal["data", "minimal_loss", "predicted"] = "data"

    @property
    def input_width(self) -> int:
        """Width of the word embedding that cell and conditionings read."""
        return self.second_embedding or self.word_embedding

    def check(self) -> None:
        """Refuses an additive cell whose width differs from the word embedding's."""
        if self.cell == "additive_rnn" and self.cells != self.input_width:
            raise ValueError(
                "`cells` must be the width of the (second) word embedding for "
                "cell='additive_rnn', which adds the two. "
                f"Received: cells={self.cells}, a word embedding of {self.input_width}"
            )


@config_class
class DecodingConfig(Checked):
    """Decoding of sequences (Sec. 3.3)."""

    # In the paper "greedy" for tags, "beam" for captions, "top_k" (labels by score) for CNN rows.
    # "combined": for tags, labels by CNN and decoder together, see `combine_threshold` (ours).
    method: Literal["greedy", "beam", "top_k", "combined"] = "beam"
    beam_width: int = number(3, 1)
    # Maximum number of emitted tokens (im2txt: 20 tokens with START, so 19). The paper states none
    # for tags, which END alone ends; 19 holds the longest list of its data sets (ours).
    max_steps: int = number(19, 1)
    # Exponent of the length by which log-probabilities are divided (im2txt: none).
    length_normalisation: float = number(0.0, 0.0)
    # True: no token is emitted twice; the paper takes the plain maximum.
    block_repeats: bool = False
    # The same for exports, independently of evaluation (ours).
    block_repeats_in_export: bool = True
    # True: captions never contain <unk>; off as in im2txt and in the papers' scores.
    block_unknown: bool = False
    # The mean of an ensemble's word distributions: of probabilities (ours), or of logarithms.
    ensemble_mean: Literal["probabilities", "log_probabilities"] = "probabilities"
    # Added to END's logit at each step: negative for longer label lists, positive for shorter
    # (ours).
    end_bias: float = number(0.0, -100.0, 100.0)
    # For tags: evaluation also scores the weighted geometric mean of a label's probabilities in the
    # CNN and in the decoder's lists that `beam_width` beginnings lead to, cut at a threshold.
    combine: bool = False
    # The decoder's weight in that mean (ours, chosen among .1 to .5 on pictures of Corel-5k).
    combine_weight: float = number(0.4, 0.0, 1.0)
    # The least mean of a label that method "combined" lists; with `combine`, evaluation prints the
    # best on the validation split.
    combine_threshold: float | None = number(None, 0.0, 1.0)
    # Whether logits are computed in bfloat16: on CPUs that support it 1.2 to 1.5 times as many
    # captions per second, but about a third of the captions change, so off (ours, measured).
    # "auto": if it is faster on this machine.
    bfloat16_output: Literal[True, False, "auto"] = False
    # Number of labels for method "top_k" (Sec. 4.2: 3).
    top_k: int = number(3, 1)
    # Evaluation also scores exactly so many labels per image; the literature on Corel-5k, ESP Game
    # and IAPR TC-12 uses 5. Empty: only the model's own number, as in the paper.
    fixed_lengths: tuple[Annotated[int, number(..., 1)], ...] = ()

    def check(self) -> None:
        """Refuses the combination of CNN and decoder without a threshold."""
        if self.method == "combined" and self.combine_threshold is None:
            raise ValueError(
                "`combine_threshold` must be given where `method` is 'combined'; evaluate_tags "
                "with decoding.combine=true prints the best on the validation split. "
                "Received: combine_threshold=None"
            )


@config_class
class LabelsConfig(Checked):
    """The labels that a captioner predicts too, with a separate concept head and decoder (ours).

    The losses of both tasks are summed, L = Lu + Lr(captions) + Lr(labels), where Lu (eq. 5) is
    over the concepts of both. Conditionings and concept head are configured as the captioner's.
    """

    # Sec. 4.2: 512 cells, a word embedding of width 256.
    decoder: DecoderConfig = DecoderConfig(word_embedding=256)
    decoding: DecodingConfig = DecodingConfig(method="greedy")
    # Sec. 4.1: rare labels first.
    label_order: Literal["rare_first", "frequent_first", "alphabetical", "random"] = "rare_first"
    # Weight of the labels' Lu and Lr relative to the captioner's.
    weight: float = number(1.0, 0.0)
