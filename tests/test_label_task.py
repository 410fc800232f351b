"""What in a model of captions and labels is the tag model's."""

from semreg_tf.label_task import overrides_of_part


def test_overrides_are_of_one_model_and_the_views_of_pictures_of_both():
    given = ["decoding.beam_width=5", "labels.decoding.max_steps=9", "image.test_views=2"]
    assert overrides_of_part(given, "captions") == ["decoding.beam_width=5", "image.test_views=2"]
    assert overrides_of_part(given, "tags") == ["image.test_views=2", "decoding.max_steps=9"]
