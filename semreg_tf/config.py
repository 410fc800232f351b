"""What an experiment is: frozen dataclasses whose constructors make every check a user can trip.

Each reading of a silence of the paper is one field with one default; the line beside it says
whose choice it is. `semreg_tf.config_io` reads and writes them as JSON and applies overrides.
"""

from typing import Annotated, Literal

from semreg_tf.config_checks import NO_BOOLEAN, Checked, config_class, number
from semreg_tf.reranking_config import RerankingConfig
from semreg_tf.side_information_config import (
    ConceptLayersConfig,
    NeighbourConfig,
    SideInformation,
)
from semreg_tf.split_overlap import check_splits
from semreg_tf.stage_config import JointConfig, RelationalConfig, SamplingConfig, UnaryConfig
from semreg_tf.stage_config import StageConfig as StageConfig

FORMAT_VERSION = 1
# The stages of Sec. 3.3 in order, and the earlier ones whose weights each may start from.
WARM_STARTS = {"unary": (), "relational": ("unary",), "joint": ("unary", "relational")}


@config_class
class DataConfig(Checked):
    """Which data set, and how its annotations become concepts and sequences (Sec. 4.1, 5.1)."""

    dataset: str = "demo"
    task: Literal["tags", "captions"] = "captions"
    train_split: str = "train"
    validation_split: str = "validation"
    test_split: str = "test"
    # What scores on the test split are for. "report": it neither trains nor chooses checkpoints.
    # "search": settings are compared on the pictures that choose. "fit": one set for everything
    # says that training fits it, and nothing of other pictures.
    purpose: Literal["report", "search", "fit"] = "report"
    # "captions": an image's labels are the concepts that occur in its captions (ours: it makes a
    # multi-label task of a captioned data set).
    labels_from: Literal["labels", "captions"] = "labels"
    # Tags: every label. Captions: the 1,000 most frequent words (Sec. 5.1).
    num_concepts: int | None = number(None, 1)
    # What counts as a word for a captioner's concepts: "words" leaves out punctuation and keeps
    # stop words (ours; the paper says most frequent words).
    concept_words: Literal["words", "all_tokens"] = "words"
    # Concepts that people are shown last, for they are function words; "none" in other languages
    # (ours: in data and scores they are concepts like all others).
    function_words: Literal["english", "none"] = "english"
    # Output rows of a caption model, END and UNK among them (Sec. 5.1: 12,000); None: all words.
    max_vocab_size: int | None = number(12_000, 4)
    # im2txt: a word must occur four times in the training captions.
    min_word_count: int = number(4, 1)
    # Sec. 4.1: rare labels first; the others are the controls. "random" is one permutation of the
    # labels, the same in every run (ours).
    label_order: Literal["rare_first", "frequent_first", "alphabetical", "random"] = "rare_first"
    # Sec. 4.2: the 1,000 most frequent user tags; 0: no side information.
    num_user_tags: int = number(0, 0)
    # The most frequent folders or groups of the pictures, a layer of concepts; 0: none is read.
    num_groups: int = number(0, 0)
    # None: all captions of an image at once, otherwise that many sampled each time (ours).
    captions_per_image: int | None = number(None, 1)
    # Longer captions are cut and counted in training alone (ours; im2txt keeps all).
    max_caption_tokens: int = number(50, 1)

    def check(self) -> None:
        """Refuses labels from captions for a captioner, which has none, and overlapping splits."""
        if self.labels_from == "captions" and self.task != "tags":
            raise ValueError(
                "`data.labels_from` may be 'captions' only where `data.task` is 'tags'. "
                f"Received: data.labels_from='captions', data.task={self.task!r}"
            )
        check_splits(self.train_split, self.validation_split, self.test_split, self.purpose)


@config_class
class ImageConfig(Checked):
    """How a picture becomes the encoder's input."""

    # The side of the encoder's square input in pixels; None: the encoder's own.
    size: int | None = number(None, 16)
    # im2txt: resize to 346 x 346 before a 299 crop, a ratio of 1.157, taken over for every size.
    resize_ratio: float = number(346 / 299, 1.0, 4.0)
    random_crop: bool = True
    random_flip: bool = True
    # im2txt: brightness 32/255, saturation and contrast 0.5-1.5, hue 0.032, in two orders.
    color_jitter: bool = False
    # Of a frozen encoder: 1: the centre; 2: its mirror too; 10: Caffe's corners; None: by size.
    cached_views: Annotated[Literal[1, 2, 10, None], NO_BOOLEAN] = 1


@config_class
class EncoderConfig(Checked):
    """The CNN (f_enc of eq. 1)."""

    name: str = "inception_v3"
    # "imagenet", a file, or None for random weights.
    weights: str | None = "imagenet"
    # False: it keeps its first weights (Table 1, "Fix"). None: by size, `semreg_tf.size_rule`.
    trainable: bool | None = True
    # "native": the encoder's own feature layer (fc7, or global average pooling).
    pooling: Literal["native", "average", "average_max"] = "native"
    # Features to mean 0, deviation 1 in training, the cells of a map to a mean square of 1: for
    # nets of large activations, Caffe's (ours).
    standardise: bool = False
    # im2txt: keep 0.8 of the pooled features where the CNN trains.
    feature_dropout: float = number(0.0, 0.0, 0.99)
    # After fc6 and fc7 of CaffeNet, AlexNet and VGG16, only while the CNN trains: Caffe's and VGG's
    # practice is 0.5. Other CNNs have no such layers; cached features stay as they are.
    fc_dropout: float = number(0.0, 0.0, 0.99)


@config_class
class ConceptConfig(Checked):
    """The concept head and its loss Lu (Sec. 3.2, eq. 5)."""

    # "sigmoid": eq. 5, summed over concepts; "softmax" and "warp": the baselines of Tables 1, 2;
    # "asymmetric": Ridnik et al. 2021, beyond the paper.
    loss: Literal["sigmoid", "softmax", "warp", "asymmetric"] = "sigmoid"
    # Of "asymmetric", as published for COCO.
    asymmetric_focus: float = number(4.0, 0.0)
    asymmetric_margin: float = number(0.05, 0.0, 0.99)
    # WARP estimates a label's rank from the draws that found a violation: (classes - 1) / draws
    # (Weston et al. 2011; Gong et al. 2014), or negatives / draws, the same for one label (ours).
    warp_rank: Literal["classes", "negatives"] = "classes"
    # False: Lu is off (NIC-F, RIA, CNN-RNN).
    supervised: bool = True
    # ReLU units of a layer before Sec. 3.2's only one, which helps on weak features (ours).
    hidden_units: int = number(0, 0)
    # "log_odds" of the training frequencies (ours); "frequencies": these, and the kernel at 0.
    initial_bias: Literal["zeros", "log_odds", "frequencies"] = "zeros"
    # Sec. 4.1: a single hidden layer of 256 ReLU units on the user tags.
    tag_hidden_units: int = number(256, 1)
    # Summed probabilities can exceed 1, so logits are summed and squashed (ours); the paper's
    # words, "summing their predictions", also allow summed and clipped probabilities.
    tag_fusion: Literal["logits", "probabilities"] = "logits"
    # In place of Sec. 3.2's layer: scores from like pictures too, or from layers of concepts.
    neighbours: NeighbourConfig | None = None
    layers: ConceptLayersConfig | None = None


@config_class
class ConditioningConfig(Checked):
    """One way in which the image reaches the decoder (Fig. 1)."""

    # "init_state" is Fig. 1(b, d), "step_zero" Fig. 1(a), "output_fusion" Fig. 1(c).
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
    # "additive_rnn": r_t = f(U r_{t-1} + w_t) (Mao et al. 2015).
    cell: Literal["lstm", "peephole_lstm", "additive_rnn"] = "lstm"
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
class Config(SideInformation, Checked):
    """One system on one data set: what a row of the papers' tables is."""

    name: str = "unnamed"
    table_row: str = ""
    data: DataConfig = DataConfig()
    image: ImageConfig = ImageConfig()
    encoder: EncoderConfig = EncoderConfig()
    concepts: ConceptConfig = ConceptConfig()
    conditionings: tuple[ConditioningConfig, ...] = (ConditioningConfig(),)
    decoder: DecoderConfig | None = DecoderConfig()
    decoding: DecodingConfig = DecodingConfig()
    reranking: RerankingConfig = RerankingConfig()
    stages: tuple[Literal["unary", "relational", "joint"], ...] = ("unary", "relational", "joint")
    unary: UnaryConfig = UnaryConfig()
    relational: RelationalConfig = RelationalConfig()
    joint: JointConfig = JointConfig(encoder_rate=0.1, update_batch_norm=False)
    # Of every stage that trains words; its steps count from 0 in each.
    sampling: SamplingConfig = SamplingConfig()
    # How long training lasts where its steps follow from the number of pictures (ours).
    preset: Literal["fast", "thorough"] = "thorough"
    seed: int = number(0, 0)
    # Of training; float16 with dynamic loss scaling. Weights, and every evaluation, are float32.
    # "auto": mixed_bfloat16 where this machine is faster in it, measured as a run begins.
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"] = "float32"
    # XLA for losses and gradients: compiling costs seconds a shape, so off on a CPU (ours).
    jit_compile: bool = False
    # TensorFlow's deterministic operations: the same seed on the same machine, the same weights.
    deterministic: bool = True

    def check(self) -> None:
        """Refuses combinations of fields that cannot mean anything."""
        if self.decoder is None:
            if self.conditionings:
                raise ValueError(
                    "`conditionings` must be empty where `decoder` is None. "
                    f"Received: conditionings={self.conditionings!r}"
                )
            if self.decoding.method != "top_k":
                raise ValueError(
                    "`decoding.method` must be 'top_k' where `decoder` is None. "
                    f"Received: decoding.method={self.decoding.method!r}"
                )
            if not self.concepts.supervised:
                raise ValueError(
                    "`concepts.supervised` must be True where `decoder` is None: nothing would "
                    "be trained. Received: concepts.supervised=False"
                )
        elif self.decoding.method == "top_k":
            raise ValueError(
                "`decoding.method` must be 'greedy' or 'beam' where there is a decoder. "
                "Received: decoding.method='top_k'"
            )
        if not self.stages or len(set(self.stages)) < len(self.stages):
            raise ValueError(
                "`stages` must name some of 'unary', 'relational', 'joint', each once. "
                f"Received: stages={self.stages!r}"
            )
        self._check_stages()
        self._check_words()
        self.check_side_information()

    @property
    def embeddings_read(self) -> frozenset[str]:
        """Which of the encoder's outputs the decoder reads, as `ConditioningConfig.embedding`."""
        return frozenset(c.embedding for c in self.conditionings) - {"none"}

    @property
    def reads_map(self) -> bool:
        """True where the decoder reads the CNN's map, `spatial_features`."""
        return "spatial_features" in self.embeddings_read

    @property
    def pretrains_on_features(self) -> bool:
        """True where the relational stage reads cached features: they have no ground truth."""
        read = self.embeddings_read
        return "relational" in self.stages and bool(read) and "concepts" not in read

    def warm_starts(self, stage: str) -> tuple[str, ...]:
        """Returns the stages whose weights a stage of this experiment may start from."""
        # Fed the true concepts, the relational stage has no use for a CNN.
        fed = {} if self.pretrains_on_features else {"relational": ()}
        return {**WARM_STARTS, **fed}[stage]

    def _check_stages(self) -> None:
        read = self.embeddings_read
        mixed = "concepts" in read and len(read) > 1
        if "relational" in self.stages and (self.decoder is None or mixed):
            raise ValueError(
                "`stages` may hold 'relational' only where the decoder reads concepts, whose "
                "ground truth it is fed, or features, which are cached: not both, nor without a "
                f"decoder. Received: stages={self.stages!r}, embeddings={sorted(read)}"
            )
        if "joint" in self.stages and self.decoder is None:
            raise ValueError(
                "`stages` may hold 'joint' only where there is a decoder. "
                f"Received: stages={self.stages!r}"
            )
        alignment = "data" if self.decoder is None else self.decoder.alignment
        if alignment != "data" and (self.data.task != "tags" or self.jit_compile):
            raise ValueError(
                "`decoder.alignment` may be other than 'data' only for tags, whose order is free, "
                f"and without `jit_compile`. Received: decoder.alignment={alignment!r}, "
                f"data.task={self.data.task!r}, jit_compile={self.jit_compile}"
            )
        if "unary" in self.stages and not self.concepts.supervised:
            raise ValueError(
                "`stages` may hold 'unary' only where `concepts.supervised` is True. "
                f"Received: stages={self.stages!r}"
            )
        if not isinstance(self.relational, RelationalConfig):
            raise TypeError(
                "`relational` must be a RelationalConfig. "
                f"Received: relational={type(self.relational).__name__}(...)"
            )
        extra = self.relational.extra_captions
        from_captions = "captions" in (self.data.task, self.data.labels_from)
        if extra is not None and (self.pretrains_on_features or not from_captions):
            raise ValueError(
                "`relational.extra_captions` may be given only where the relational stage is fed "
                "concepts found in captions: they come without pictures, so no decoder that reads "
                "features can learn from them, and without labels. "
                f"Received: relational.extra_captions={extra!r}, experiment={self.name!r}"
            )
        if self.relational.extra_words and self.data.task == "tags":
            raise ValueError(
                "`relational.extra_words` may be True only where `data.task` is 'captions': labels "
                "are those of pictures. Received: data.task='tags'"
            )

    def _check_words(self) -> None:
        alignment = "data" if self.decoder is None else self.decoder.alignment
        if alignment != "data" and self.sampling.schedule != "none":
            raise ValueError(
                "`sampling.schedule` must be 'none' where `decoder.alignment` already feeds the "
                f"decoder its own choices. Received: sampling.schedule={self.sampling.schedule!r}, "
                f"decoder.alignment={alignment!r}"
            )
        if self.jit_compile and any(c.attention_penalty for c in self.conditionings):
            raise ValueError(
                "`attention_penalty` needs `jit_compile` False: it is computed on the real words "
                "alone. Received: jit_compile=True"
            )
