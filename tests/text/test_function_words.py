"""Content words lead where people read single words, and nothing is left out."""

import numpy as np

from semreg_tf.text.function_words import content_first, words_shown_last

NAMES = ("a", "man", "in", "beach", "two")


def test_content_words_come_first_each_group_by_falling_probability():
    last = words_shown_last("captions", "labels", "english")
    order = content_first(NAMES, np.array([0.99, 0.2, 0.9, 0.7, 0.2]), last)
    assert [NAMES[i] for i in order] == ["beach", "man", "two", "a", "in"]


def test_without_function_words_the_order_is_by_probability_alone():
    for arguments in (("captions", "labels", "none"), ("tags", "labels", "english")):
        last = words_shown_last(*arguments)
        order = content_first(NAMES, np.array([0.99, 0.2, 0.9, 0.7, 0.2]), last)
        assert [NAMES[i] for i in order] == ["a", "in", "beach", "man", "two"]


def test_labels_that_are_words_of_captions_have_function_words_too():
    assert "in" in words_shown_last("tags", "captions", "english")
