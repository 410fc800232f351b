from data_prep.example_summary import describe_split
from semreg_tf.data.annotations import Annotation


def annotations():
    return [
        Annotation(
            "1",
            "1.jpg",
            captions=("A dog.", "Dogs, a dog"),
            tokens=(("a", "dog", "."), ("dogs", ",", "a", "dog")),
            labels=("sky", "dog", "sea"),
            user_tags=("fun",),
            groups=("actor",),
        ),
        Annotation("2", "2.jpg", labels=("sky",)),
        Annotation("3", "3.jpg", labels=("sky",)),
        Annotation("4", "4.jpg"),
    ]


def parts(top=0):
    return {
        part.splitlines()[0]: [line.split() for line in part.splitlines()[1:]]
        for part in describe_split(annotations(), top).split("\n\n")
    }


def test_numbers_per_image():
    table = next(iter(parts().values()))
    assert table == [
        ["captions", "0.50", "0", "0", "2", "3"],
        ["tokens", "per", "caption", "3.50", "3", "3", "4"],
        ["labels", "1.25", "0", "1", "3", "1"],
        ["user", "tags", "0.25", "0", "0", "1", "3"],
        ["groups", "0.25", "0", "0", "1", "3"],
    ]


def test_labels_per_image_as_bars():
    assert parts()["labels per image"] == [
        ["0", "1", "#" * 20],
        ["1", "2", "#" * 40],
        ["2", "0"],
        ["3", "1", "#" * 20],
    ]


def test_names_by_falling_count_of_images():
    tables = parts()
    assert tables["labels: 3 different, images with each"] == [
        ["sky", "3", "75.0%", "#" * 40],
        ["dog", "1", "25.0%", "#" * 13],
        ["sea", "1", "25.0%", "#" * 13],
    ]
    # A word counts once an image, and punctuation is no word.
    words = tables["words: 3 different, images with each"]
    assert [line[:3] for line in words] == [
        ["a", "1", "25.0%"],
        ["dog", "1", "25.0%"],
        ["dogs", "1", "25.0%"],
    ]
    assert tables["groups: 1 different, images with each"][0][:2] == ["actor", "1"]


def test_only_the_most_frequent_are_shown():
    title = "labels: 3 different, images with each, the 2 most frequent"
    assert [line[0] for line in parts(top=2)[title]] == ["sky", "dog"]


def test_kinds_that_a_set_lacks_are_not_told():
    text = describe_split([Annotation("1", "1.jpg", labels=("sky",))], 0)
    assert "captions" not in text
    assert "words" not in text
    assert "user tags" not in text
