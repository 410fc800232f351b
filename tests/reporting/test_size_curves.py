"""Scores against the number of training pictures."""

from semreg_tf.reporting import size_curves


def _record(system, pictures, cider, perplexity):
    return {
        "system": system,
        "overrides": ["precision=auto", f"data.train_split=train[:{pictures}]"],
        "results": {"captions": {"CIDEr": cider, "perplexity": perplexity}},
    }


RECORDS = [
    _record("ours, 5,500 pictures", 5500, 0.46, 15.0),
    _record("ours, 344 pictures", 344, 0.24, 99.0),
    _record("ours, 344 pictures", 344, 0.26, 81.0),
    _record("ours, 5,500 pictures, more captions", 5500, 0.45, 14.9),
    _record("ours, 344 pictures, more captions", 344, 0.27, 25.0),
    _record("ours, 5,500 pictures, more words", 5500, 0.45, 14.9),
    {**_record("ours", 344, 0.9, 1.0), "overrides": ["data.train_split=train"]},
]


def test_systems_of_several_numbers_make_a_line_of_ascending_numbers():
    lines = size_curves.size_lines(RECORDS, "CIDEr")
    assert lines == {
        "ours": {344: [0.24, 0.26], 5500: [0.46]},
        "ours, more captions": {344: [0.27], 5500: [0.45]},
    }
    assert [*lines["ours"]] == [344, 5500]


def test_the_curves_are_one_reproducible_file(tmp_path):
    (path,) = size_curves.write_size_curves(RECORDS, tmp_path)
    first = path.read_text(encoding="utf-8")
    assert "5,500" in first and "ours, more captions" in first and "more words" not in first
    size_curves.write_size_curves(RECORDS, tmp_path)
    assert path.read_text(encoding="utf-8") == first


def test_studies_of_one_number_have_no_such_curves(tmp_path):
    assert size_curves.write_size_curves(RECORDS[:1], tmp_path) == []
    assert [*tmp_path.iterdir()] == []
