import pytest

from data_prep.images import RawImage, store_image
from data_prep.raw_examples import MAX_CAPTION_WORDS, RawExample, make_record


@pytest.fixture
def image(draw_picture):
    return store_image(draw_picture(12, 10, 1))


def made(image, **annotations):
    return make_record(RawExample("7", "raw/7.jpg", "7.jpg", **annotations), image)


def test_a_record_holds_all_annotations(image):
    result = made(
        image, captions=("A dog.",), labels=("dog",), user_tags=("fun",), groups=("actor",)
    )
    assert result.notes == ()
    assert result.record == {
        "image": image.jpeg,
        "image_id": "7",
        "file_name": "7.jpg",
        "captions": [{"text": "A dog.", "tokens": "a dog ."}],
        "labels": ["dog"],
        "user_tags": ["fun"],
        "groups": ["actor"],
    }


@pytest.mark.parametrize("problem", ["missing", "corrupt"])
def test_no_picture_no_record(problem):
    result = made(RawImage(None, problem), labels=("dog",))
    assert result.record is None
    assert result.notes == (f"image {problem}",)


def test_what_is_left_out_is_noted(image):
    astray = "far " * (MAX_CAPTION_WORDS + 1)
    result = made(image._replace(converted=True), captions=(" ", "A dog.", astray))
    assert [c["text"] for c in result.record["captions"]] == ["A dog."]
    assert result.notes == (
        "image converted (no RGB or grey JPEG)",
        "caption empty",
        "caption of more than 200 words",
    )


def test_an_image_whose_captions_all_go_is_left_out_unless_it_has_labels(image):
    assert made(image, captions=("",)).record is None
    assert made(image, captions=("",)).notes == ("caption empty", "image without a usable caption")
    assert made(image, captions=("",), labels=("dog",)).record["captions"] == []
    assert made(image, user_tags=("fun",)).record is not None


def test_texts_are_brought_to_one_spelling_and_counted(image):
    result = made(
        image,
        captions=("A box &amp; a ball.", "\U0001f600"),
        labels=("cafe\u0301", "caf\u00e9", "sea\u200b", "sea, blue"),
        user_tags=("new york, ny", "fun"),
    )
    assert result.record["captions"] == [{"text": "A box & a ball.", "tokens": "a box & a ball ."}]
    assert result.record["labels"] == ["caf\u00e9", "sea", "sea, blue"]
    assert result.record["user_tags"] == ["fun"]
    assert result.notes == (
        "caption: HTML entities unescaped",
        "caption without a word",
        "label: letters composed (Unicode NFC)",
        "label: invisible marks removed",
        "user tag with a comma left out",
    )


def test_the_tokenizer_is_chosen(image):
    raw = RawExample("7", "7.jpg", "7.jpg", captions=("\u8349\u5730",))
    tokens = [
        make_record(raw, image, tokenizer).record["captions"][0]["tokens"]
        for tokenizer in ("ptb", "characters")
    ]
    assert tokens == ["\u8349\u5730", "\u8349 \u5730"]


@pytest.mark.parametrize("kind", ["captions", "labels", "user_tags", "groups"])
def test_half_of_a_surrogate_pair_is_refused_with_the_picture(image, kind):
    with pytest.raises(ValueError, match=r"\\ud800 is half .* of '7\.jpg', 'x \\ud800'"):
        made(image, **{kind: ("x \ud800",)})
