"""What a study keeps of a run."""

import pytest

from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions, evaluate_tags
from semreg_tf.evaluation.runs.options import CaptionOptions, TagOptions
from semreg_tf.training import study_records
from semreg_tf.training.device import device_name


def test_record_holds_the_run_in_small(caption_runs, demo_data, tmp_path):
    path = caption_runs[0]
    results = evaluate_captions(
        path, demo_data, CaptionOptions(out=tmp_path / "scores", num_pictures=0)
    )
    stage = study_records.stage_record(path)
    assert stage["steps"] == 60
    assert stage["history"][-1]["step"] == 60
    assert stage["device"] == device_name()
    assert stage["best_value"] == max(row[stage["metric"]] for row in stage["history"])
    record = {
        **study_records.provenance([path, path]),
        "results": study_records.scores_of(tmp_path / "scores"),
    }
    assert record["num_concepts"] == 12
    # The decoder of one: E (14 words and START, of 8), the LSTM, its first state, the output.
    size = record["vocab_size"]
    decoder = (size + 1) * 8 + 64 * (8 + 16 + 1) + 16 * (12 + 1) + size * (16 + 1)
    assert record["parameters"]["decoder"] == 2 * decoder
    assert record["parameters"]["head"] == 2 * 12 * (256 + 1)
    assert record["results"]["captions"] == results["captions"]
    assert study_records.headline(record)["CIDEr"] == results["captions"]["CIDEr"]
    study_records.write(tmp_path / "records" / "a.json", record)
    assert study_records.read_all(tmp_path / "records") == [record]


def test_scores_of_classes_are_left_out(tag_run, demo_data, tmp_path):
    evaluate_tags(tag_run, demo_data, TagOptions(out=tmp_path, num_pictures=0))
    kept = study_records.scores_of(tmp_path)["systems"]["ours"]
    assert "O-F1" in kept and "per_class" not in kept


def test_a_run_that_did_not_end_is_not_finished(caption_runs, tmp_path):
    assert study_records.is_finished(caption_runs[0])
    assert not study_records.is_finished(tmp_path)


def test_file_names_are_plain():
    assert study_records.file_name("captions, NIC-F") == "captions_nic-f"
    assert study_records.file_name("ours + Tag1K") == "ours_tag1k"


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`results` must be the folder .* Received: results="):
        study_records.read_all(tmp_path)
