"""Predictions made elsewhere: scored as a run's are, refused in one line that names the place."""

import dataclasses
import json

import numpy as np
import pytest

from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import find_builder
from semreg_tf.data.text import tokenize
from semreg_tf.evaluation import evaluate_predictions as module
from semreg_tf.evaluation.evaluate_predictions import PreparedSplit, evaluate_predictions


@pytest.fixture(scope="module")
def annotations(demo_data):
    return read_annotations(find_builder(demo_data, "demo").data_dir, "test")


@pytest.fixture
def score(demo_data, tmp_path):
    """Writes predictions to a file and scores them."""

    def run(task, predictions, **options):
        path = tmp_path / "mine.json"
        if isinstance(predictions, str):
            text = predictions
        elif task == "captions":
            text = json.dumps([{"image_id": i, "caption": c} for i, c in predictions])
        else:
            text = "".join(
                json.dumps({"image_id": i, "labels": own}) + "\n" for i, own in predictions
            )
        path.write_text(text, encoding="utf-8")
        if task == "captions":
            options = {"meteor": False, **options}
        return evaluate_predictions(path, task, PreparedSplit(demo_data, "demo"), **options)

    return run


def test_references_themselves_score_full(annotations, score, tmp_path):
    out = tmp_path / "new" / "results.json"
    results = score("captions", [(a.image_id, a.captions[-1]) for a in annotations], out=out)
    assert results["captions"]["BLEU-4"] == pytest.approx(1)
    assert results["captions"]["ROUGE-L"] == pytest.approx(1)
    assert (results["num_images"], results["num_missing"], results["num_empty"]) == (8, 0, 0)
    assert (results["split"], results["warnings"]) == ("test", [])
    assert json.loads(out.read_text()) == results


def test_csv_scores_as_json_does(annotations, demo_data, tmp_path):
    captions, tags = tmp_path / "mine.csv", tmp_path / "labels.csv"
    lines = [f'{a.image_id};"{a.captions[-1]}"' for a in annotations]
    captions.write_text("\n".join(["image_id;caption", *lines]))
    tags.write_text(
        "\n".join(["image_id,labels", *(f"{a.image_id},{'|'.join(a.labels)}" for a in annotations)])
    )
    results = evaluate_predictions(
        captions, "captions", PreparedSplit(demo_data, "demo"), meteor=False
    )
    assert results["captions"]["BLEU-4"] == pytest.approx(1)
    results = evaluate_predictions(tags, "tags", PreparedSplit(demo_data, "demo"))
    assert results["systems"]["labels"]["O-F1"] == 1


def test_labels_themselves_score_full_in_any_order(annotations, score):
    # A label said twice counts once.
    given = [(a.image_id, [*a.labels, a.labels[0]][::-1]) for a in annotations[::-1]]
    results = score("tags", given)
    scores = results["systems"]["mine"]
    assert scores["O-F1"] == scores["micro-F1"] == scores["C-R"] == 1
    assert results["intervals"]["mine"]["O-F1"] == [1, 1]
    assert (results["num_images"], results["num_empty"], results["warnings"]) == (8, 0, [])


def test_empty_predictions_are_counted_and_score_nothing(annotations, score):
    first, *others = annotations
    results = score(
        "captions", [(first.image_id, ""), *((a.image_id, a.captions[0]) for a in others)]
    )
    assert results["num_empty"] == 1
    assert "1 captions are empty and score 0" in results["warnings"]
    assert results["captions"]["ROUGE-L"] == pytest.approx(7 / 8)
    results = score("tags", [(first.image_id, []), *((a.image_id, a.labels) for a in others)])
    assert results["num_empty"] == 1
    assert "1 predictions hold no label and have precision 0" in results["warnings"]
    assert results["systems"]["mine"]["O-P"] == pytest.approx(7 / 8)


@pytest.mark.parametrize("task", ["captions", "tags"])
def test_missing_images_are_refused_or_counted(task, annotations, score):
    given = [(a.image_id, a.captions[0] if task == "captions" else a.labels) for a in annotations]
    with pytest.raises(
        ValueError,
        match=r"must be of all 8 images of the split 'test'; .*--allow_missing.*"
        rf"Received: 2 images without a prediction, '{annotations[0].image_id}', ",
    ):
        score(task, given[2:])
    results = score(task, given[2:], allow_missing=True)
    assert (results["num_images"], results["num_missing"]) == (6, 2)
    assert results["warnings"][-1] == "2 images have no prediction and are left out"


def test_images_of_unknown_labels_have_no_score(annotations, score, monkeypatch):
    given = [(a.image_id, a.labels) for a in annotations]
    unlabelled = [
        dataclasses.replace(a, labels=()) if i < 2 else a for i, a in enumerate(annotations)
    ]
    monkeypatch.setattr(module, "read_annotations", lambda *_: unlabelled)
    assert score("tags", given)["systems"]["mine"]["O-P"] == pytest.approx(6 / 8)
    results = score("tags", given, without_labels="unknown")
    assert results["systems"]["mine"]["O-P"] == 1 and results["num_images"] == 6
    assert results["warnings"] == ["2 images have no labels and are left out"]
    with pytest.raises(ValueError, match=r"`without_labels` must be one of 'none', 'unknown'"):
        score("tags", given, without_labels="absent")


@pytest.mark.parametrize("task", ["captions", "tags"])
def test_unknown_images_are_refused_with_what_ids_look_like(task, annotations, score):
    given = [(i, "a" if task == "captions" else []) for i in range(7)]
    with pytest.raises(
        ValueError,
        match=rf"split 'test', whose ids look like '{annotations[0].image_id}'.*"
        r"Received: 7 unknown images, '0', '1', '2', '3', '4', \.\.\.$",
    ):
        score(task, given)


def test_numbers_and_digits_are_the_same_image(annotations, score, monkeypatch):
    renamed = [dataclasses.replace(a, image_id=str(40 + i)) for i, a in enumerate(annotations)]
    monkeypatch.setattr(module, "read_annotations", lambda *_: renamed)
    given = [(40 + i, a.captions[0]) for i, a in enumerate(renamed)]
    assert score("captions", given)["captions"]["BLEU-1"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"once; .*Received: image_id '42' as a number and as a"):
        score("captions", [*given, ("42", "a")])


@pytest.mark.parametrize("task", ["captions", "tags"])
def test_an_image_named_twice_is_refused(task, annotations, score):
    own = "a" if task == "captions" else []
    with pytest.raises(ValueError, match=r"each image once.*(entry 1|line 2): image_id 'x' again"):
        score(task, [("x", own), ("x", own)])


def test_malformed_json_is_named_by_its_place(score):
    with pytest.raises(ValueError, match="at line 2, column 29"):
        score("captions", '[{"image_id": 1, "caption": "a"},\n {"image_id": 2, "caption": a}]')
    with pytest.raises(ValueError, match=r"at column 28\. Received: path=.*line 2"):
        score("tags", '{"image_id": 1, "labels": []}\n{"image_id": 2, "labels": [sky]}\n')


def test_a_label_that_is_no_class_is_refused_with_the_nearest(annotations, score):
    given = [(a.image_id, a.labels) for a in annotations]
    wrong = annotations[3].labels[0][:-1]
    given[3] = (annotations[3].image_id, [wrong])
    with pytest.raises(
        ValueError,
        match=rf"class names: did you mean '{annotations[3].labels[0]}'\? "
        rf"Received: label '{wrong}' of image '{annotations[3].image_id}'",
    ):
        score("tags", given)
    given[3] = (annotations[3].image_id, ["zzzzzz"])
    with pytest.raises(ValueError, match=r"class names\. Received: label 'zzzzzz'"):
        score("tags", given)


def test_nothing_to_score_is_refused(annotations, score, monkeypatch):
    with pytest.raises(ValueError, match=r"must hold at least one image\. Received: none"):
        score("captions", [], allow_missing=True)
    bare = [dataclasses.replace(a, captions=()) for a in annotations]
    monkeypatch.setattr(module, "read_annotations", lambda *_: bare)
    with pytest.raises(ValueError, match=r"must have reference captions.*8 images without any"):
        score("captions", [(a.image_id, "a") for a in bare])


def test_images_without_references_are_left_out_and_told(annotations, score, monkeypatch):
    first, *others = annotations
    own = [dataclasses.replace(first, captions=()), *others]
    monkeypatch.setattr(module, "read_annotations", lambda *_: own)
    given = [(first.image_id, "a"), *((a.image_id, a.captions[0]) for a in others)]
    results = score("captions", given)
    assert results["captions"]["BLEU-1"] == pytest.approx(1)
    assert "1 images have no reference and are left out" in results["warnings"]


def test_a_task_or_a_data_set_that_does_not_fit_is_refused(annotations, score, monkeypatch):
    with pytest.raises(ValueError, match=r"`task` must be one of 'captions', 'tags'\. Received: "):
        score("boxes", "[]")
    from semreg_tf.data.name_list import NameList

    monkeypatch.setattr(module.NameList, "load", lambda _: NameList((), ()))
    with pytest.raises(ValueError, match="'captions' for a data set without labels"):
        score("tags", [(a.image_id, []) for a in annotations])


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("task", ["captions", "tags"])
def test_a_byte_order_mark_is_passed_over(annotations, score, task, bom):
    if task == "captions":
        rows = [{"image_id": a.image_id, "caption": a.captions[0]} for a in annotations]
        text = json.dumps(rows)
    else:
        rows = [{"image_id": a.image_id, "labels": list(a.labels)} for a in annotations]
        text = "\n".join(map(json.dumps, rows))
    assert score(task, bom + text)["num_images"] == len(annotations)


@pytest.mark.parametrize(
    ("task", "text", "says"),
    [
        ("captions", '[{"image_id": 1, "caption": "x \\ud800"}]', r"surrogate pair .*line 1"),
        ("captions", '[{"image_id": NaN, "caption": "x"}]', "NaN is not a JSON number"),
        ("captions", '[{"image_id": %s, "caption": "x"}]' % ("9" * 400), r"below 2\*\*63"),
        ("tags", '{"image_id": %s, "labels": []}' % ("9" * 400), r"below 2\*\*63.*line 1"),
        ("tags", '\n{"image_id": 1, "labels": ["\\udc00"]}', r"surrogate pair .*line 2"),
        ("tags", "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_no_file_should_hold_is_one_line(score, task, text, says):
    with pytest.raises(ValueError, match=says) as found:
        score(task, text)
    assert len(str(found.value)) < 600
    assert str(found.value).isprintable()


def test_a_class_in_another_spelling_is_the_class(annotations, score):
    given = [(a.image_id, [f" {label}\u200b" for label in a.labels]) for a in annotations]
    assert score("tags", given)["systems"]["mine"]["O-F1"] == 1


def test_labels_where_there_are_none_are_refused(annotations, score, monkeypatch):
    bare = [dataclasses.replace(a, labels=()) for a in annotations]
    monkeypatch.setattr(module, "read_annotations", lambda *_: bare)
    with pytest.raises(ValueError, match=r"must have labels.*split='test', 8 images"):
        score("tags", [(a.image_id, []) for a in annotations])


@pytest.mark.parametrize("tokenizer", ["characters", "blanks"])
def test_captions_parted_before_are_scored_by_their_own_tokens(
    annotations, score, monkeypatch, tokenizer
):
    text = "\u8349\u5730 \u4e0a \u6709 \u65b9\u5757"
    tokens = tuple(tokenize(text, tokenizer))
    own = [dataclasses.replace(a, captions=(text,), tokens=(tokens,)) for a in annotations]
    monkeypatch.setattr(module, "read_annotations", lambda *_: own)
    monkeypatch.setattr(module, "stored_tokenizer", lambda _: tokenizer)
    said = text.rpartition(" ")[0]
    bleu = score("captions", [(a.image_id, said) for a in own])["captions"]["BLEU-1"]
    missing = len(tokens) - len(tokenize(said, tokenizer))
    assert bleu == pytest.approx(np.exp(1 - len(tokens) / (len(tokens) - missing)), abs=1e-6)
