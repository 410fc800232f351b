"""Steps that saw no image."""

from eval.study_steps import note_cached_steps


def test_steps_on_cached_features_are_noted_where_the_config_has_them():
    records = [
        {
            "experiment": "flickr8k_captions/s_cnn_rnn",
            "overrides": ["unary.head_only_steps=20"],
            "stages": {"unary": {"steps": 50}, "joint": {"steps": 10}},
        },
        {
            "experiment": "demo_captions/s_cnn_rnn",
            "overrides": [],
            "stages": {"unary": {"steps": 50}},
        },
    ]
    note_cached_steps(records)
    assert records[0]["stages"]["unary"]["cached_steps"] == 20
    assert "cached_steps" not in records[0]["stages"]["joint"]
    assert "cached_steps" not in records[1]["stages"]["unary"]
