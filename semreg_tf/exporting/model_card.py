"""The model card `MODEL.md`: the model, its data, scores, intended use and limits."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semreg_tf.config import Config, DecodingConfig
from semreg_tf.data.vocabulary import Vocabularies
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.provenance import Provenance, ScoreComparison
from semreg_tf.exporting.served_annotator import exported_decoding
from semreg_tf.files.whole_file import write_whole
from semreg_tf.metrics.caption_results import decoded_intervals, decoded_scores

CARD_FILE = "MODEL.md"
_FLICKR = "the photographs are Flickr users' and were collected for research and education"
_IAPR_TC12 = (
    "IAPR TC-12 (Grubinger et al., 2006)",
    "free of charge and without copyright restrictions, by its publishers",
)
# Data set, with its variant where that decides -> (what it is, its terms).
_DATA = {
    "demo": ("scenes drawn by this project", "drawn here, Apache-2.0"),
    "flickr8k": ("Flickr8k (Hodosh, Young and Hockenmaier, JAIR 2013)", _FLICKR),
    "flickr30k": ("Flickr30k (Young et al., TACL 2014)", _FLICKR),
    "coco_captions": (
        "Microsoft COCO captions (Chen et al., 2015)",
        "annotations CC BY 4.0; the photographs keep their Flickr licences",
    ),
    "coco_tags": (
        "Microsoft COCO's 80 categories (Lin et al., ECCV 2014)",
        "annotations CC BY 4.0; the photographs keep their Flickr licences",
    ),
    "nus_wide": ("NUS-WIDE (Chua et al., CIVR 2009)", _FLICKR),
    "iapr_tc12": _IAPR_TC12,
    "image_annotation/iapr_tc12": _IAPR_TC12,
    "image_annotation/corel5k": (
        "Corel-5k (Duygulu et al., ECCV 2002)",
        "stock photographs for research use, not to be passed on",
    ),
    "image_annotation/esp_game": (
        "the ESP Game (von Ahn and Dabbish, CHI 2004)",
        "pictures of the web, whose owners keep their rights; for research",
    ),
}
_UNKNOWN = ("pictures of its owner", "ask who prepared it; their terms hold for the model too")
# Search settings that decide what an export writes.
_EXPORTED_DECODING = (
    *("method", "beam_width", "max_steps", "length_normalisation", "end_bias"),
    *("block_repeats", "block_unknown", "bfloat16_output", "combine_weight", "combine_threshold"),
)
_OTHER_CNN = "The rows that begin with CNN are of another model's CNN, compared beside it."
_SHOWN = (
    *("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr", "perplexity"),
    *("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1", "mAP", "I-F1"),
)


def write_card(
    folder: Path, part: ExportPart, facts: Mapping[str, Any], comparison: ScoreComparison | None
) -> Path:
    """Writes the card of one model into an export that is complete except for it, atomically.

    `facts` are `num_parameters`, `weights_dtype` and `image_size`.
    """
    sections = _sections(part, facts)
    if comparison:
        sections.insert(4, _difference(comparison, facts))
    return _write(folder, [*sections, _size(folder, facts), _licence([part.config])])


def write_card_of_parts(
    folder: Path, parts: Sequence[ExportPart], facts: Mapping[str, Any]
) -> Path:
    """Writes the card of one model or of two, the captioner first, as `write_card` does.

    With two models, the facts of the tag model are under "tags".
    """
    if len(parts) == 1:
        return write_card(folder, parts[0], facts, None)
    captioner, tagger = parts
    once = "run once" if facts["encoders"] == 1 else "one for each, for their weights differ"
    intro = (
        f"# {captioner.config.name} and {tagger.config.name}\n\nTwo models in one: a captioner and "
        f"a tag model, which answer together. The CNN is {once}. What follows is said of each."
    )
    return _write(
        folder,
        [
            intro,
            *_sections(captioner, facts),
            *_sections(tagger, {**facts, **facts["tags"]}),
            _size(folder, facts),
            _licence([captioner.config, tagger.config]),
        ],
    )


def _write(folder: Path, sections: Sequence[str]) -> Path:
    path = folder / CARD_FILE
    write_whole(path, "\n\n".join(sections) + "\n")
    return path


def _sections(part: ExportPart, facts: Mapping[str, Any]) -> list[str]:
    """Returns the sections on one model, without size and licence."""
    return [
        _what(part.config, part.vocabularies),
        _use(part.config, part.vocabularies, facts),
        _data(part.config),
        _scores(part.config, part.provenance),
        _training(part.config, part.provenance),
    ]


def _what(config: Config, vocabularies: Vocabularies) -> str:
    says = "writes a caption" if config.data.task == "captions" else "lists the labels"
    is_printed = config.table_row.startswith("Table ")
    place = "Its row in the paper" if is_printed else "The paper does not have it"
    row = f" {place}: {config.table_row}." if config.table_row else ""
    decoder = config.decoder
    parts = f"{config.encoder.name}, {len(vocabularies.concepts):,} concepts" + (
        f", an LSTM of {decoder.cells} cells over {vocabularies.output.size:,} words or labels"
        if decoder
        else ""
    )
    return (
        f"# {config.name}\n\nA model that {says} for a picture, after *Semantic Regularisation for "
        f"Recurrent Image Annotation* (Liu et al., CVPR 2017).{row} It consists of {parts}."
    )


def _use(config: Config, vocabularies: Vocabularies, facts: Mapping[str, Any]) -> str:
    captions = config.data.task == "captions"
    verb, names = ("caption", "words") if captions else ("label", "labels")
    once = (
        "- It lists no label twice.\n"
        if not captions and exported_decoding(config).block_repeats
        else ""
    )
    return (
        "## Use and limits\n\n"
        f"For research on image annotation, and to {verb} pictures like those it was trained on, "
        "where a person looks at the result. Not for decisions about people, and not where a wrong "
        "description does harm (safety, medicine, surveillance, descriptions for blind users "
        "without a check).\n\n"
        f"- It knows {len(vocabularies.output.names):,} {names}, and says them of pictures that "
        "show something else too: it has no way to say that it does not know.\n"
        f"{once}"
        "- Who or what people in a picture are is guessed from what was usual in the training "
        "data, prejudice included.\n"
        "- Scores and probabilities rank its answers; they are no calibrated certainty.\n"
        f"- A picture is squeezed to a square of {facts['image_size']} pixels: small things and "
        "text are lost. Numbers of things and left and right are often wrong."
    )


def _data(config: Config) -> str:
    dataset = config.data.dataset
    what, terms = _DATA.get(dataset) or _DATA.get(dataset.partition("/")[0], _UNKNOWN)
    side = (
        f"\nBeside the picture it may read up to {config.data.num_user_tags:,} different user tags."
        if config.reads_user_tags
        else ""
    )
    return (
        f"## Data\n\n`{config.data.dataset}`: {what}. Trained on the split "
        f"`{config.data.train_split}`, chosen on `{config.data.validation_split}`. "
        f"Terms of the data: {terms}.{side}"
    )


def _scores(config: Config, provenance: Provenance) -> str:
    results = provenance.results
    if provenance.left_out:
        return (
            f"## Scores\n\nThe scores beside the run are left out: they are {provenance.left_out}."
        )
    if not results:
        return "## Scores\n\nThe run was not evaluated before it was exported."
    systems = dict(results.get("systems", {}))
    intervals = dict(results.get("intervals", {}))
    captions = decoded_scores(results)
    if captions:
        # A captioner's results name no systems; an export reranks nothing.
        systems, intervals = {"captions": captions}, {"captions": decoded_intervals(results)}
    lines = ["| system | metric | score | 95 % |", "|---|---|---|---|"]
    for system, scores in systems.items():
        for name in _SHOWN:
            if isinstance(scores.get(name), int | float):
                low_high = intervals.get(system, {}).get(name)
                span = f"{low_high[0]:.3f} to {low_high[1]:.3f}" if low_high else ""
                lines.append(f"| {system} | {name} | {scores[name]:.3f} | {span} |")
    title = f"On `{results.get('split')}`, {results.get('num_images'):,} images, in float32:"
    notes = ["", _OTHER_CNN] if provenance.has_other_cnn else []
    notes += _other_decoding(config, results)
    return "\n".join(["## Scores", "", title, "", *lines, *notes])


def _other_decoding(config: Config, results: Mapping[str, Any]) -> list[str]:
    """Returns lines on the search settings of the export that the scored run did not have."""
    if "decoding" not in results:
        return []
    # Results from before there was a field have its default.
    scored = vars(DecodingConfig()) | results["decoding"]
    exported = vars(exported_decoding(config))
    other = [
        f"`decoding.{name}={json.dumps(exported[name])}`, where the scores above have "
        f"`{json.dumps(scored[name])}`"
        for name in _EXPORTED_DECODING
        if scored[name] != exported[name]
    ]
    # Earlier results do not tell.
    views = results.get("test_views", config.image.test_views)
    if views != config.image.test_views:
        other.append(
            f"`image.test_views={config.image.test_views}`, where the scores above have `{views}`"
        )
    return ["", f"This export searches with {'; '.join(other)}."] if other else []


def _difference(comparison: ScoreComparison, facts: Mapping[str, Any]) -> str:
    lines = [
        f"| metric | run, float32 | export, {facts['weights_dtype']} weights | difference |",
        "|---|---|---|---|",
    ]
    for name, (run, export) in comparison.scores.items():
        lines.append(f"| {name} | {run:.4f} | {export:.4f} | {export - run:+.4f} |")
    return "\n".join(
        [
            "## This export beside the run it was made from",
            "",
            f"On `{comparison.split}`, {comparison.num_images:,} images, both with this export's "
            f"search; the best text is the same for {comparison.same_text:.1%} of them.",
            "",
            *lines,
        ]
    )


def _training(config: Config, provenance: Provenance) -> str:
    weights = config.encoder.weights
    start = "random weights" if weights is None else f"the weights `{Path(weights).name}`"
    moves = "trained along" if config.encoder.trainable else "kept as it was"
    step = "" if provenance.step is None else f", after {provenance.step:,} updates"
    if provenance.started_from_model:
        step += " from the weights of another model"
    if provenance.reward_steps:
        # The best checkpoint may be one before the phase's end.
        steps = provenance.reward_steps
        most = steps if provenance.step is None else min(steps, provenance.step)
        step += (
            f" (at most the last {most:,} updates raised the CIDEr of captions that the decoder "
            "sampled)"
        )
    versions = ", ".join(f"{name} {v}" for name, v in provenance.versions.items())
    return (
        f"## How it was made\n\nThe CNN started from {start} and was {moves}. "
        f"Stage: {provenance.stage or 'unknown'}{step}; seed {config.seed}. "
        f"Commit of the training code: {provenance.commit or 'unknown'}. "
        f"Trained with {versions or 'versions that were not noted'}. The whole configuration is in "
        "`assets.extra/config.json`, words and concepts are in the text files beside it."
    )


def _size(folder: Path, facts: Mapping[str, Any]) -> str:
    total = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    return (
        f"## Size\n\n{facts['num_parameters']:,} parameters, {total / 1e6:.1f} MB on disk with "
        f"weights in {facts['weights_dtype']}; arithmetic is in float32."
    )


def _licence(configs: Sequence[Config]) -> str:
    downloaded = any(config.encoder.weights is not None for config in configs)
    more = ", and those of the encoder's first weights," if downloaded else ""
    return (
        "## Licence\n\nThe code and this export are under Apache-2.0. The terms of the training "
        f"data above{more} may restrict what the weights can be used for."
    )
