"""The config of an experiment: frozen dataclasses whose constructors check all fields.

Where the paper is silent or ambiguous, the choice is one field with one default, and its comment
says whose choice it is. `semreg_tf.config_io` reads and writes configs and applies overrides.
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
# The beginnings of overrides that an evaluation or an export may be given; training fixes the rest.
AFTER_TRAINING = ("decoding.", "reranking.", "image.test_views=")
# The stages of Sec. 3.3 in order -> the earlier stages from whose weights they may start.
WARM_STARTS = {"unary": (), "relational": ("unary",), "joint": ("unary", "relational")}


@config_class
class DataConfig(Checked):
    """The data set, and the conversion of annotations to concepts and sequences (Sec. 4.1, 5.1)."""

    dataset: str = "demo"
    task: Literal["tags", "captions"] = "captions"
    train_split: str = "train"
    validation_split: str = "validation"
    test_split: str = "test"
    # The use of test scores. "report": the test split is neither trained on nor used to choose
    # checkpoints; "search": it may choose checkpoints; "fit": it may also be trained on.
    purpose: Literal["report", "search", "fit"] = "report"
    # "captions": an image's labels are the concepts that occur in its captions, which makes a
    # captioned data set a multi-label task (ours).
    labels_from: Literal["labels", "captions"] = "labels"
    # What a tagger learns from an image without labels: that it has "none", or, as its labels are
    # "unknown", nothing; then it has no scores either (ours).
    without_labels: Literal["none", "unknown"] = "none"
    # Number of concepts. None: for tags all labels, for captions 1,000 (Sec. 5.1).
    num_concepts: int | None = number(None, 1)
    # The tokens that may be a captioner's concepts: "words" excludes punctuation and includes stop
    # words (ours; the paper says most frequent words); "lemmas": English nouns, verbs and
    # adjectives, with tense and plural merged (Wu et al. 2016).
    concept_words: Literal["words", "all_tokens", "lemmas"] = "words"
    # A file of concepts that replace the most frequent words: one name per line, optionally
    # followed by a tab and further words that stand for it.
    concept_list: str | None = None
    # The language of function words, which are shown after other concepts; "none": no such words
    # (ours; data and scores do not depend on it).
    function_words: Literal["english", "none"] = "english"
    # Number of outputs of a captioner, including END and UNK (Sec. 5.1: 12,000); None: all words.
    max_vocab_size: int | None = number(12_000, 4)
    # Words that occur less often in the training captions become UNK (im2txt: 4).
    min_word_count: int = number(4, 1)
    # Order of labels in a sequence. Sec. 4.1: rare labels first; the others are controls. "random"
    # is one permutation, the same in every run (ours).
    label_order: Literal["rare_first", "frequent_first", "alphabetical", "random"] = "rare_first"
    # Number of most frequent user tags that are read (Sec. 4.2: 1,000); 0: no side information.
    num_user_tags: int = number(0, 0)
    # Number of most frequent folders or groups of images, a layer of concepts; 0: none.
    num_groups: int = number(0, 0)
    # Number of captions sampled per image in each batch; None: all captions (ours).
    captions_per_image: int | None = number(None, 1)
    # In training, longer captions are cut, and counted in the log (ours; im2txt keeps all).
    max_caption_tokens: int = number(50, 1)

    def check(self) -> None:
        """Refuses labels from captions or concept lists for other tasks, and overlapping splits."""
        if self.labels_from == "captions" and self.task != "tags":
            raise ValueError(
                "`data.labels_from` may be 'captions' only where `data.task` is 'tags'. "
                f"Received: data.labels_from='captions', data.task={self.task!r}"
            )
        if self.concept_list is not None and "captions" not in (self.task, self.labels_from):
            raise ValueError(
                "`data.concept_list` must be None for labels, which are all concepts. "
                f"Received: data.concept_list={self.concept_list!r}, data.task={self.task!r}"
            )
        check_splits(self.train_split, self.validation_split, self.test_split, self.purpose)


@config_class
class ImageConfig(Checked):
    """Preprocessing and augmentation of images."""

    # Side of the encoder's square input in pixels; None: the encoder's default.
    size: int | None = number(None, 16)
    # Side of the resized image relative to the crop. im2txt: 346 / 299, used for every size.
    resize_ratio: float = number(346 / 299, 1.0, 4.0)
    random_crop: bool = True
    random_flip: bool = True
    # im2txt: brightness 32/255, saturation and contrast 0.5-1.5, hue 0.032, in two orders.
    color_jitter: bool = False
    # Views of each image for cached features: 1: the centre crop; 2: and its mirror image; 10:
    # Caffe's corner crops too; None: by the number of training images.
    cached_views: Annotated[Literal[1, 2, 10, None], NO_BOOLEAN] = 1
    # Views of each image in evaluation, exports and annotation. 1: the centre crop; 2 (ours): the
    # concepts, and features for decoders that read them, are means over it and its mirror image.
    test_views: Annotated[Literal[1, 2], NO_BOOLEAN] = 1


@config_class
class EncoderConfig(Checked):
    """The CNN (f_enc of eq. 1)."""

    name: str = "inception_v3"
    # Initial weights: "imagenet", a file, or None for random weights.
    weights: str | None = "imagenet"
    # False: the CNN is frozen (Table 1, "Fix"). None: by the number of training images
    # (`semreg_tf.size_rule`).
    trainable: bool | None = True
    # "native": the encoder's own feature layer (fc7, or global average pooling).
    pooling: Literal["native", "average", "average_max"] = "native"
    # Whether features are standardised by training statistics, and cells of the map to a mean
    # square of 1, for networks with large activations such as Caffe's (ours).
    standardise: bool = False
    # Dropout rate of the features (im2txt: 0.2 when the CNN is trained).
    feature_dropout: float = number(0.0, 0.0, 0.99)
    # Dropout rate after fc6 and fc7 of CaffeNet, AlexNet and VGG16 when the CNN is trained (Caffe
    # and VGG: 0.5). Other CNNs have no such layers, and cached features are not affected.
    fc_dropout: float = number(0.0, 0.0, 0.99)


@config_class
class ConceptConfig(Checked):
    """The concept head and its loss Lu (Sec. 3.2, eq. 5)."""

    # "sigmoid": eq. 5, summed over concepts; "softmax" and "warp": the baselines of Tables 1, 2;
    # "asymmetric": Ridnik et al. 2021, not in the paper.
    loss: Literal["sigmoid", "softmax", "warp", "asymmetric"] = "sigmoid"
    # For "asymmetric": gamma of the negatives, as published for COCO.
    asymmetric_focus: float = number(4.0, 0.0)
    # For "asymmetric": the margin of negatives, as published for COCO.
    asymmetric_margin: float = number(0.05, 0.0, 0.99)
    # For "warp": the rank is estimated from the number of draws until a violation, as (classes - 1)
    # / draws (Weston et al. 2011; Gong et al. 2014), or as negatives / draws (ours).
    warp_rank: Literal["classes", "negatives"] = "classes"
    # False: without Lu (NIC-F, RIA, CNN-RNN).
    supervised: bool = True
    # ReLU units of a hidden layer before the prediction layer of Sec. 3.2, which helps with weak
    # features (ours); 0: no hidden layer.
    hidden_units: int = number(0, 0)
    # "log_odds" of the training frequencies (ours); "frequencies": the same, with a zero kernel.
    initial_bias: Literal["zeros", "log_odds", "frequencies"] = "zeros"
    # The inputs of the prediction layer; in the paper the whole image.
    places: PlacesConfig = PlacesConfig()
    # ReLU units of the single hidden layer on user tags (Sec. 4.1: 256).
    tag_hidden_units: int = number(256, 1)
    # The paper sums the predictions of image and user tags. "logits": their logits are summed
    # (ours, as summed probabilities may exceed 1); "probabilities": summed and clipped.
    tag_fusion: Literal["logits", "probabilities"] = "logits"
    # In place of the prediction layer of Sec. 3.2: scores from similar images too.
    neighbours: NeighbourConfig | None = None
    # In place of the prediction layer of Sec. 3.2: scores from layers of concepts.
    layers: ConceptLayersConfig | None = None


@config_class
class Config(SideInformation, Checked):
    """One system on one data set, such as a row of the papers' tables."""

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
    # For a captioner that predicts the data set's labels too, on the same CNN (ours).
    labels: LabelsConfig | None = None
    stages: tuple[Literal["unary", "relational", "joint"], ...] = ("unary", "relational", "joint")
    unary: UnaryConfig = UnaryConfig()
    relational: RelationalConfig = RelationalConfig()
    joint: JointConfig = JointConfig(encoder_rate=0.1, update_batch_norm=False)
    # For each stage that trains the decoder; the stage's steps count from 0.
    sampling: SamplingConfig = SamplingConfig()
    # Length of training if the steps depend on the number of training images (ours).
    preset: Literal["fast", "thorough"] = "thorough"
    seed: int = number(0, 0)
    # Precision of training; float16 uses dynamic loss scaling. Weights and evaluation are float32.
    # "auto": mixed_bfloat16 if it is faster on this machine, measured at the start of a run.
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"] = "float32"
    # XLA for losses and gradients; compiling takes seconds for each shape, so off (ours).
    jit_compile: bool = False
    # TensorFlow's deterministic operations: the same seed and machine give the same weights.
    deterministic: bool = True

    def check(self) -> None:
        """Refuses combinations of fields that have no meaning."""
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
        elif self.decoding.method == "combined" and not (
            self.data.task == "tags" and self.concepts.supervised
        ):
            raise ValueError(
                "`decoding.method` can be 'combined' for tags with supervised concepts only. "
                f"Received: decoding.method='combined', data.task={self.data.task!r}, "
                f"concepts.supervised={self.concepts.supervised}"
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
        """The encoder outputs that the decoder reads, by `ConditioningConfig.embedding`."""
        return frozenset(c.embedding for c in self.conditionings) - {"none"}

    @property
    def reads_map(self) -> bool:
        """Whether the decoder or the concept head reads the CNN's map, `spatial_features`."""
        return "spatial_features" in self.embeddings_read or self.concepts.places.kind == "cells"

    @property
    def pretrains_on_features(self) -> bool:
        """Whether the relational stage reads cached features instead of true concepts."""
        read = self.embeddings_read
        return "relational" in self.stages and bool(read) and "concepts" not in read

    def warm_starts(self, stage: str) -> tuple[str, ...]:
        """Returns the earlier stages from whose weights a stage of this experiment may start."""
        # A relational stage on true concepts needs no CNN.
        changes = {} if self.pretrains_on_features else {"relational": ()}
        return {**WARM_STARTS, **changes}[stage]

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
                "`relational.extra_captions` may be given only where the relational stage reads "
                "concepts of captions, because these captions have neither images nor labels. "
                f"Received: relational.extra_captions={extra!r}, experiment={self.name!r}"
            )
        if self.relational.extra_words and self.data.task == "tags":
            raise ValueError(
                "`relational.extra_words` may be True only where `data.task` is 'captions'. "
                "Received: data.task='tags'"
            )

    def _check_words(self) -> None:
        dropout = 0.0 if self.decoder is None else self.decoder.concept_dropout
        if dropout and "concepts" not in self.embeddings_read:
            raise ValueError(
                "`decoder.concept_dropout` may be above 0 only where the decoder reads concepts. "
                f"Received: decoder.concept_dropout={dropout}, "
                f"embeddings={sorted(self.embeddings_read)}"
            )
        alignment = "data" if self.decoder is None else self.decoder.alignment
        if alignment != "data" and self.sampling.schedule != "none":
            raise ValueError(
                "`sampling.schedule` must be 'none' where `decoder.alignment` already feeds the "
                f"decoder its own choices. Received: sampling.schedule={self.sampling.schedule!r}, "
                f"decoder.alignment={alignment!r}"
            )
        plain_captions = self.data.task == "captions" and self.labels is None
        if self.joint.reward_steps and (not plain_captions or self.jit_compile):
            raise ValueError(
                "`joint.reward_steps` may be above 0 only for captions, without `labels` and "
                "without `jit_compile`, since rewards are computed outside the graph. "
                f"Received: joint.reward_steps={self.joint.reward_steps}, "
                f"data.task={self.data.task!r}, labels={self.labels!r}, "
                f"jit_compile={self.jit_compile}"
            )
        if self.jit_compile and any(c.attention_penalty for c in self.conditionings):
            raise ValueError(
                "`attention_penalty` needs `jit_compile` False, because it is computed at real "
                "words only. Received: jit_compile=True"
            )

    def _check_places(self) -> None:
        places = self.concepts.places.kind
        other = self.concepts.neighbours is not None or self.concepts.layers is not None
        if places != "image" and other:
            raise ValueError(
                "`concepts.places.kind` must be 'image' with `concepts.neighbours` or "
                f"`concepts.layers`. Received: concepts.places.kind={places!r}"
            )
        if places == "crops" and ("spatial_features" in self.embeddings_read):
            raise ValueError(
                "`concepts.places.kind` may be 'crops' only where the decoder reads no map. "
                f"Received: embeddings={sorted(self.embeddings_read)}"
            )
        if places == "crops" and self.image.cached_views != 1:
            raise ValueError(
                "`image.cached_views` must be 1 where `concepts.places.kind` is 'crops'. "
                f"Received: image.cached_views={self.image.cached_views}"
            )
        if self.image.test_views > 1 and (
            places == "crops" or "spatial_features" in self.embeddings_read
        ):
            raise ValueError(
                "`image.test_views` must be 1 where `concepts.places.kind` is 'crops' or the "
                "decoder reads the CNN's map, whose cells lie elsewhere in the mirror image. "
                f"Received: image.test_views={self.image.test_views}, "
                f"concepts.places.kind={places!r}, embeddings={sorted(self.embeddings_read)}"
            )
        if places != "crops" and self.unary.crop_steps:
            raise ValueError(
                "`unary.crop_steps` may be above 0 only where `concepts.places.kind` is 'crops'. "
                f"Received: unary.crop_steps={self.unary.crop_steps}, "
                f"concepts.places.kind={places!r}"
            )

    def _check_labels(self) -> None:
        """Refuses `labels` for configs in which the two tasks would need different inputs."""
        reads = {c.embedding for c in self.conditionings}
        places = self.concepts.places.kind != "image"
        other = self.data.task != "captions" or self.reads_user_tags or places
        if other or reads != {"concepts"}:
            raise ValueError(
                "`labels` may be given only for captions, without user tags, where the decoder "
                "only reads concepts of the whole image. "
                f"Received: data.task={self.data.task!r}, "
                f"data.num_user_tags={self.data.num_user_tags}, embeddings={sorted(reads)}, "
                f"concepts.places.kind={self.concepts.places.kind!r}"
            )
