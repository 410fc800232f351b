"""The card says what the model is, what it is made of, what it scored and what it is not for."""

import dataclasses
import re
from types import SimpleNamespace

import pytest

from semreg_tf import experiments
from semreg_tf.config import DataConfig
from semreg_tf.data.name_list import NameList
from semreg_tf.data.vocabulary import Vocabularies, Vocabulary
from semreg_tf.exporting.export_part import ExportPart
from semreg_tf.exporting.model_card import write_card
from semreg_tf.exporting.provenance import Provenance, ScoreComparison

FACTS = {"num_parameters": 1_234_567, "weights_dtype": "float16", "image_size": 227}
RESULTS = {
    "split": "test",
    "num_images": 1000,
    "evaluated": ["/home/me/run"],
    "captions": {"CIDEr": 0.41234, "BLEU-4": 0.2, "perplexity": None, "num_tokens": 9},
    "intervals": {"CIDEr": [0.39, 0.43]},
}


@pytest.fixture
def config():
    config = experiments.get("flickr8k_captions/s_cnn_rnn")
    encoder = dataclasses.replace(config.encoder, weights="weights/squeezenet.h5")
    return dataclasses.replace(config, encoder=encoder)


@pytest.fixture
def vocabularies(demo_data):
    from semreg_tf.data.records import find_builder

    folder = find_builder(demo_data, "demo").data_dir
    return Vocabularies.from_dataset(folder, DataConfig(num_concepts=5, min_word_count=1))


def part(config, vocabularies, provenance=None):
    """A part of an export; of its models a card needs to know that they read pictures."""
    annotator = SimpleNamespace(encoder=object())
    return ExportPart(config, vocabularies, annotator, provenance or Provenance())


def sections(text):
    return dict(re.findall(r"^## (.+?)\n\n(.*?)(?=\n\n## |\Z)", text, re.DOTALL | re.MULTILINE))


def test_a_card_is_whole(config, vocabularies, tmp_path):
    (tmp_path / "weights").write_bytes(b"x" * 2_000_000)
    provenance = Provenance("abc123", "joint", 5000, {"tensorflow": "2.21.0"}, RESULTS)
    comparison = ScoreComparison("validation", 8, {"CIDEr": (0.4, 0.39)}, 0.875)
    path = write_card(tmp_path, part(config, vocabularies, provenance), FACTS, comparison)
    assert path == tmp_path / "MODEL.md"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# flickr8k_captions/s_cnn_rnn\n")
    found = sections(text)
    assert list(found) == [
        "Use and limits",
        "Data",
        "Scores",
        "This export beside the run it was made from",
        "How it was made",
        "Size",
        "Licence",
    ]
    assert "Flickr8k (Hodosh" in found["Data"]
    assert "| captions | CIDEr | 0.412 | 0.390 to 0.430 |" in found["Scores"]
    assert "| captions | BLEU-4 | 0.200 |  |" in found["Scores"]
    assert "perplexity" not in found["Scores"]
    beside = found["This export beside the run it was made from"]
    assert "| CIDEr | 0.4000 | 0.3900 | -0.0100 |" in beside
    assert "the same for 87.5% of them" in beside
    assert "abc123" in found["How it was made"]
    assert "`squeezenet.h5`" in found["How it was made"]
    assert "1,234,567 parameters, 2.0 MB on disk with weights in float16" in found["Size"]
    assert "/home/me" not in text
    assert not (tmp_path / "MODEL.partial").exists()


def test_a_card_tells_of_another_models_weights_and_of_rewards(config, vocabularies, tmp_path):
    provenance = Provenance("abc123", "joint", 100, started_from_model=True, reward_steps=200)
    text = write_card(tmp_path, part(config, vocabularies, provenance), FACTS, None).read_text()
    made = sections(text)["How it was made"]
    assert "from the weights of another model (at most the last 100 updates raised" in made
    plain = dataclasses.replace(provenance, started_from_model=False, reward_steps=0)
    text = write_card(tmp_path, part(config, vocabularies, plain), FACTS, None).read_text()
    assert "after 100 updates; seed" in sections(text)["How it was made"]


def test_scores_of_another_search_are_told(config, vocabularies, tmp_path):
    export = dataclasses.replace(
        config, decoding=dataclasses.replace(config.decoding, block_unknown=True)
    )
    decoding = {**dataclasses.asdict(config.decoding), "top_k": 9}
    scored = Provenance(results={**RESULTS, "decoding": decoding})
    text = write_card(tmp_path, part(export, vocabularies, scored), FACTS, None).read_text()
    assert sections(text)["Scores"].endswith(
        "\n\nThis export searches with `decoding.block_unknown=true`, where the scores above have "
        "`false`."
    )
    text = write_card(tmp_path, part(config, vocabularies, scored), FACTS, None).read_text()
    assert "This export searches" not in text


def test_scores_of_another_number_of_views_are_told(config, vocabularies, tmp_path):
    one_view = dataclasses.replace(config, image=dataclasses.replace(config.image, test_views=1))
    decoding = dataclasses.asdict(config.decoding)
    for views, is_told in ((2, True), (1, False)):
        scored = Provenance(results={**RESULTS, "decoding": decoding, "test_views": views})
        text = write_card(tmp_path, part(one_view, vocabularies, scored), FACTS, None).read_text()
        told = "`image.test_views=1`, where the scores above have `2`."
        assert sections(text)["Scores"].endswith(told) == is_told


def test_a_search_that_older_results_do_not_know_is_told(config, vocabularies, tmp_path):
    weighted = dataclasses.replace(config.decoding, combine_weight=0.7)
    old = dataclasses.asdict(config.decoding)
    del old["combine_weight"], old["combine_threshold"]
    scored = Provenance(results={**RESULTS, "decoding": old})
    export = part(dataclasses.replace(config, decoding=weighted), vocabularies, scored)
    text = write_card(tmp_path, export, FACTS, None).read_text()
    assert sections(text)["Scores"].endswith(
        "This export searches with `decoding.combine_weight=0.7`, where the scores above have "
        "`0.4`."
    )


@pytest.mark.parametrize(
    ("dataset", "says"),
    [
        ("image_annotation/corel5k", "Corel-5k (Duygulu"),
        ("coco_captions/karpathy", "Microsoft COCO captions"),
        ("image_annotation/other", "pictures of its owner"),
    ],
)
def test_the_data_of_a_variant_are_named(config, vocabularies, tmp_path, dataset, says):
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, dataset=dataset))
    text = write_card(tmp_path, part(config, vocabularies), FACTS, None).read_text()
    assert f"`{dataset}`: {says}" in sections(text)["Data"]


def test_a_control_is_no_row_of_the_paper(config, vocabularies, tmp_path):
    texts = [
        write_card(
            tmp_path,
            part(dataclasses.replace(config, table_row=row), vocabularies),
            FACTS,
            None,
        ).read_text()
        for row in ("Table 4: Ours", "control: no order", "")
    ]
    assert "Its row in the paper: Table 4: Ours." in texts[0]
    assert "The paper does not have it: control: no order." in texts[1]
    assert "paper" not in texts[2].split("\n## ")[0].replace("*Semantic", "")


def test_what_is_not_known_is_said_to_be_unknown(config, vocabularies, tmp_path):
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, dataset="mine"))
    text = write_card(tmp_path, part(config, vocabularies), FACTS, None).read_text()
    found = sections(text)
    assert "not evaluated" in found["Scores"]
    assert "ask who prepared it" in found["Data"]
    assert "Commit of the training code: unknown" in found["How it was made"]
    assert "This export beside" not in text


def test_scores_of_other_weights_are_said_to_be_left_out(config, vocabularies, tmp_path):
    provenance = Provenance(left_out="of the checkpoint of step 3")
    text = write_card(tmp_path, part(config, vocabularies, provenance), FACTS, None).read_text()
    assert sections(text)["Scores"].endswith("are left out: they are of the checkpoint of step 3.")


def test_tag_systems_have_a_row_each(vocabularies, tmp_path):
    config = experiments.get("demo_tags/s_cnn_rnn_tag1k")
    labels = Vocabulary(NameList(("sea", "sky"), (3, 2)), "labels")
    results = {
        "split": "test",
        "num_images": 8,
        "systems": {"ours": {"O-F1": 0.5, "I-F1": 0.25}, "CNN top 3": {"O-F1": 0.4}},
    }
    own = dataclasses.replace(vocabularies, output=labels)
    text = write_card(
        tmp_path, part(config, own, Provenance(results=results)), FACTS, None
    ).read_text()
    assert "another model's CNN" not in text
    of_another = {**results, "cnn": "runs/unary", "evaluated": ["runs/joint"]}
    provenance = Provenance(results=of_another)
    compared = write_card(tmp_path, part(config, own, provenance), FACTS, None).read_text()
    assert "rows that begin with CNN are of another model's CNN" in sections(compared)["Scores"]
    # So does the card of an export of the export, which knows no folders.
    again = Provenance(results=provenance.portable_results())
    assert not {"cnn", "evaluated"} & set(again.results)
    assert write_card(tmp_path, part(config, own, again), FACTS, None).read_text() == compared
    assert again.portable_results() == again.results
    for line in ("| ours | O-F1 | 0.500 |", "| ours | I-F1 | 0.250 |", "| CNN top 3 | O-F1 | 0.4"):
        assert line in text
    assert "user tags" in sections(text)["Data"]


def test_a_tag_models_card_says_that_no_label_comes_twice(vocabularies, tmp_path):
    config = experiments.get("demo_tags/s_cnn_rnn")
    plain = dataclasses.replace(
        config, decoding=dataclasses.replace(config.decoding, block_repeats_in_export=False)
    )
    for number, (tags, said) in enumerate(((config, True), (plain, False))):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = write_card(folder, part(tags, vocabularies), FACTS, None).read_text("utf-8")
        assert ("It lists no label twice." in text) is said
