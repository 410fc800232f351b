import pytest

from semreg_tf.text.joined_labels import labels_of_text


@pytest.mark.parametrize(
    ("text", "known", "labels"),
    [
        ("", {"a"}, []),
        ("hot dog, sky", (), ["hot dog", "sky"]),
        ("sea, blue", {"sea, blue"}, ["sea, blue"]),
        ("sea, blue, boat", {"sea, blue", "sea", "boat"}, ["sea, blue", "boat"]),
        # The longest is taken only where the rest is labels too.
        ("a, b, c", {"a, b", "a", "b, c"}, ["a", "b, c"]),
        ("a, b, x", {"a, b"}, ["a", "b", "x"]),
    ],
)
def test_labels_with_the_separator_in_them_stay_whole(text, known, labels):
    assert labels_of_text(text, known) == labels
