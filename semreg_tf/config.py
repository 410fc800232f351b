"""What an experiment is: frozen dataclasses whose constructors make every check a user can trip.

Each reading of a silence of the paper is one field with one default; the line beside it says
whose choice it is. `semreg_tf.config_io` reads and writes them as JSON and applies overrides.
"""

from typing import Annotated, Literal

from semreg_tf.config_checks import NO_BOOLEAN, Checked, config_class, number
from semreg_tf.decoder_config import (
    ConditioningConfig,
    DecoderConfig,
    DecodingConfig,
    LabelsConfig,
)
from semreg_tf.places_config import PlacesConfig as PlacesConfig
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
    # stop words (ours; the paper says most frequent words); "lemmas": English nouns, verbs and
    # adjectives, tense and plural merged (Wu et al. 2016).
    concept_words: Literal["words", "all_tokens", "lemmas"] = "words"
    # A file of concepts in place of the most frequent: a name a line, behind a tab other words
    # that stand for it.
    concept_list: str | None = None
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
        if self.concept_list is not None and "captions" not in (self.task, self.labels_from):
            raise ValueError(
                "`data.concept_list` must be None for labels, all of which are concepts. "
                f"Received: data.concept_list={self.concept_list!r}, data.task={self.task!r}"
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
    # What the prediction layer scores, the whole image in the paper.
    places: PlacesConfig = PlacesConfig()
    # Sec. 4.1: a single hidden layer of 256 ReLU units on the user tags.
    tag_hidden_units: int = number(256, 1)
    # Summed probabilities can exceed 1, so logits are summed and squashed (ours); the paper's
    # words, "summing their predictions", also allow summed and clipped probabilities.
    tag_fusion: Literal["logits", "probabilities"] = "logits"
    # In place of Sec. 3.2's layer: scores from like pictures too, or from layers of concepts.
    neighbours: NeighbourConfig | None = None
    layers: ConceptLayersConfig | None = None


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
    # Of a captioner: it lists the data set's labels too, over the same CNN (ours).
    labels: LabelsConfig | None = None
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
        self._check_places()
        if self.labels is not None:
            self._check_labels()

    @property
    def embeddings_read(self) -> frozenset[str]:
        """Which of the encoder's outputs the decoder reads, as `ConditioningConfig.embedding`."""
        return frozenset(c.embedding for c in self.conditionings) - {"none"}

    @property
    def reads_map(self) -> bool:
        """True where the decoder or the concept head reads the CNN's map, `spatial_features`."""
        return "spatial_features" in self.embeddings_read or self.concepts.places.kind == "cells"

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

    def _check_places(self) -> None:
        places = self.concepts.places.kind
        other = self.concepts.neighbours is not None or self.concepts.layers is not None
        if places != "image" and other:
            raise ValueError(
                "`concepts.places.kind` must be 'image' where scores come from like pictures or "
                f"from layers of concepts. Received: concepts.places.kind={places!r}"
            )
        if places == "crops" and ("spatial_features" in self.embeddings_read):
            raise ValueError(
                "`concepts.places.kind` may be 'crops' only where the decoder reads no map, which "
                f"each crop has of its own. Received: embeddings={sorted(self.embeddings_read)}"
            )
        if places == "crops" and self.image.cached_views != 1:
            raise ValueError(
                "`image.cached_views` must be 1 where `concepts.places.kind` is 'crops', which are "
                f"the views. Received: image.cached_views={self.image.cached_views}"
            )
        if places != "crops" and self.unary.crop_steps:
            raise ValueError(
                "`unary.crop_steps` may be above 0 only where `concepts.places.kind` is 'crops'. "
                f"Received: unary.crop_steps={self.unary.crop_steps}, "
                f"concepts.places.kind={places!r}"
            )

    def _check_labels(self) -> None:
        """Refuses labels beside captions where the two tasks would not read alike."""
        reads = {c.embedding for c in self.conditionings}
        places = self.concepts.places.kind != "image"
        other = self.data.task != "captions" or self.reads_user_tags or places
        if other or reads != {"concepts"}:
            raise ValueError(
                "`labels` may be given only for captions, without user tags, where the decoder "
                "reads concepts of the whole image alone. "
                f"Received: data.task={self.data.task!r}, "
                f"data.num_user_tags={self.data.num_user_tags}, embeddings={sorted(reads)}, "
                f"concepts.places.kind={self.concepts.places.kind!r}"
            )
