"""A study's records as tables."""

import copy
import re

import pytest

from semreg_tf.metrics.caption_results import with_reranked
from semreg_tf.reporting import study_tables

RECORD = {
    "system": "ours",
    "seed": 0,
    "experiment": "demo_captions/s_cnn_rnn",
    "overrides": ["joint.steps=20"],
    "commit": "0123456789abcdef",
    "vocab_size": 2931,
    "num_concepts": 1000,
    "stages": {
        "unary": {
            "steps": 10,
            "metric": "mAP",
            "best_value": 0.25,
            "taken_from": "theirs",
            "history": [{"step": 10, "elapsed_secs": 60.0, "mAP": 0.25, "loss": 9.0}],
        },
        "joint": {
            "steps": 20,
            "metric": "CIDEr",
            "best_value": 0.5,
            "history": [
                {"step": 10, "elapsed_secs": 30.0, "CIDEr": 0.4, "loss": 9.0},
                {"step": 20, "elapsed_secs": 60.0, "CIDEr": 0.5, "loss": 8.0},
            ],
        },
    },
    "results": {
        "task": "captions",
        "split": "validation",
        "num_images": 1000,
        "captions": {"BLEU-1": 0.5, "CIDEr": 0.4, "perplexity": 15.0, "unknown_rate": 0.025},
    },
    "evaluations": {"beam 1": {"captions": {"BLEU-1": 0.4, "BLEU-4": 0.1, "CIDEr": 0.3}}},
}


def second():
    record = copy.deepcopy(RECORD)
    record["seed"] = 1
    record["results"]["captions"]["CIDEr"] = 0.6
    return record


def rows_of(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_system_without_concepts_has_a_dash_for_their_precision():
    taught, other = copy.deepcopy(RECORD), second()
    taught["results"]["concept_mAP"] = 0.147
    other["system"] = "NIC-F"
    other["results"]["concept_mAP"] = None
    rows = rows_of(study_tables.study_markdown([taught, other]))
    assert ["system", "seeds", "BLEU-1", "CIDEr", "perplexity", "concept mAP"] in rows
    assert ["ours", "1", "0.500", "0.400", "15.00", "0.147"] in rows
    assert ["NIC-F", "1", "0.500", "0.600", "15.00", "–"] in rows


def test_stages_tell_the_device_where_a_record_does():
    assert "device" not in study_tables.study_markdown([RECORD])
    told = second()
    told["stages"]["joint"]["device"] = "NVIDIA H200, TF32"
    rows = rows_of(study_tables.study_markdown([RECORD, told]))
    assert ["system", "stage", "steps", "best on validation", "minutes", "device"] in rows
    assert ["ours", "joint", "20", "CIDEr 0.500 ± 0.000", "1.0", "NVIDIA H200, TF32 / –"] in rows


def test_scores_are_mean_and_sample_deviation_over_seeds():
    text = study_tables.study_markdown([RECORD, second()])
    rows = rows_of(text)
    assert ["system", "seeds", "BLEU-1", "CIDEr", "perplexity"] in rows
    # The sample deviation of 0.4 and 0.6 is sqrt(0.02).
    assert ["ours", "2", "0.500 ± 0.000", "0.500 ± 0.141", "15.00 ± 0.00"] in rows
    assert ["ours", "beam 1", "0.400 ± 0.000", "0.100 ± 0.000", "0.300 ± 0.000"] in rows
    assert ["ours", "unary (of theirs)", "10", "mAP 0.250 ± 0.000", "1.0"] in rows
    assert "`--config.joint.steps=20`" in text and "`0123456789`" in text and "2.5 %" in text


def test_one_seed_has_no_spread():
    row = ["ours", "1", "0.500", "0.400", "15.00"]
    assert row in rows_of(study_tables.study_markdown([RECORD]))


def test_tags_are_per_cent_with_the_cuts_of_their_cnn():
    record = copy.deepcopy(RECORD)
    systems = {"ours": {"O-F1": 0.8512}, "CNN cut at 0.42 (best on validation)": {"O-F1": 0.8}}
    record["results"] = {"task": "tags", "split": "test", "num_images": 9, "systems": systems}
    record["evaluations"] = {}
    rows = rows_of(study_tables.study_markdown([record]))
    assert ["ours", "1", "85.12"] in rows
    assert ["ours: CNN cut at its best threshold", "1", "80.00"] in rows


def test_a_documents_tables_are_made_anew_and_the_rest_is_kept():
    text = (
        "before\n<!-- scores: other, captions -->\n\nkept\n<!-- end -->\n"
        "<!-- scores: demo, captions -->\nold\n<!-- end -->\nafter\n"
    )
    made = study_tables.with_scores(text, "demo", [RECORD, second()])
    assert made.startswith("before\n<!-- scores: other, captions -->\n\nkept\n<!-- end -->\n")
    assert made.endswith("\n<!-- end -->\nafter\n") and "old" not in made
    assert ["ours", "2", "0.500 ± 0.000", "0.500 ± 0.141", "15.00 ± 0.00"] in rows_of(made)
    assert study_tables.with_scores(made, "demo", [RECORD, second()]) == made


def test_a_system_on_captions_and_labels_is_in_both_tables_and_systems_can_be_chosen():
    both = {**copy.deepcopy(RECORD), "system": "both, at once"}
    both["labels"] = {"task": "tags", "num_images": 9, "split": "test"}
    both["labels"]["systems"] = {"ours": {"O-F1": 0.8512}}
    rows = rows_of(study_tables.study_markdown([RECORD, both]))
    assert ["both, at once", "1", "85.12"] in rows
    assert ["both, at once", "1", "0.500", "0.400", "15.00"] in rows
    text = "<!-- scores: demo, captions, of both, at once -->\n<!-- end -->\n"
    made = rows_of(study_tables.with_scores(text, "demo", [RECORD, both]))
    assert [row[0] for row in made if row[1:2] == ["1"]] == ["both, at once"]


def test_a_document_without_a_place_is_refused():
    with pytest.raises(ValueError, match=r"`into` must be .*<!-- scores: demo, captions -->"):
        study_tables.with_scores("<!-- scores: other, tags --><!-- end -->", "demo", [RECORD])


@pytest.mark.parametrize(
    "first",
    [
        "<!-- scores: demo, captions, of ours | theirs -->",
        # The next table's end is not this one's.
        "<!-- scores: demo, captions -->\n<!-- scores: other, tags -->",
        "<!-- scores: demo, caption -->",
    ],
)
def test_a_table_without_an_end_or_of_a_system_without_a_record_is_refused(first):
    whole = "<!-- scores: demo, captions -->\n<!-- end -->\n"
    line = re.escape(first.partition("\n")[0])
    with pytest.raises(ValueError, match=rf"`into` must .* Received: .*{line}"):
        study_tables.with_scores(f"{whole}{first}\nkept\n<!-- end -->\n", "demo", [RECORD])


def test_decodings_of_any_seed_have_a_row_that_tells_how_many_seeds_it_is_of():
    more = second()
    more["evaluations"]["beam 5"] = {"captions": {"BLEU-1": 0.4, "BLEU-4": 0.1, "CIDEr": 0.7}}
    rows = rows_of(study_tables.study_markdown([RECORD, more]))
    assert ["ours", "beam 1", "0.400 ± 0.000", "0.100 ± 0.000", "0.300 ± 0.000"] in rows
    assert ["ours", "beam 5 (1 of 2 seeds)", "0.400", "0.100", "0.700"] in rows


def test_an_evaluation_that_reranks_is_a_row_of_the_reranked_scores():
    record = copy.deepcopy(RECORD)
    reranked = {"captions": {"BLEU-1": 0.6, "BLEU-4": 0.2, "CIDEr": 0.45}}
    record["evaluations"]["reranked"] = with_reranked({"captions": {"CIDEr": 0.3}}, reranked)
    rows = rows_of(study_tables.study_markdown([record]))
    assert ["reranked", "0.600", "0.200", "0.450"] in [row[1:] for row in rows]


def test_a_decoding_that_changes_other_label_sets_alone_is_rows_of_these():
    def systems(own, cut, threshold):
        sets = {"ours": own, "CNN top 3": 0.5, f"ours with the CNN, cut at {threshold}": cut}
        scores = ("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1", "N+")
        return {"systems": {n: dict.fromkeys(scores, value) for n, value in sets.items()}}

    record = copy.deepcopy(RECORD)
    where = {"task": "tags", "num_images": 8, "split": "test"}
    record["results"] = where | systems(0.25, 0.5, "0.30 (best on validation)")
    record["evaluations"] = {
        "light": systems(0.25, 0.75, "0.20 (best on validation)"),
        "beam 3": systems(0.5, 0.5, "0.30 (best on validation)"),
        "same": systems(0.25, 0.5, "0.30 (best on validation)"),
    }
    text = study_tables.study_markdown([record]).partition("### Other decodings")[2]
    names = [row[1:4:2] for row in rows_of(text) if row[0] == "ours"]
    light = "light: ours with the CNN cut at its best threshold"
    assert names[:3] == [[light, "75.00"], ["beam 3", "50.00"], ["same", "25.00"]]


def test_sizes_and_times_of_an_ensemble_are_its_members_sums():
    records = [RECORD | {"parameters": {"encoder": 5, "head": 2 * 10**6, "decoder": 10**6}}]
    records.append(records[0] | {"seed": 1})
    together = {"encoder": 10, "head": 4 * 10**6, "decoder": 2 * 10**6}
    members = [["ours", 0], ["ours", 1]]
    ensemble = {"system": "ours x2", "stages": {}, "members": members, "parameters": together}
    text = study_tables.study_markdown([*records, records[0] | ensemble])
    rows = rows_of(text.partition("### Size and time")[2])
    # Two minutes each: one unary, one joint.
    assert ["ours", "1", "2.00", "1.00", "2", "2.0"] in rows
    assert ["ours x2", "2", "4.00", "2.00", "1", "4.0"] in rows
    assert "Size and time" not in study_tables.study_markdown([records[0], RECORD])
