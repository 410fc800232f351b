"""Which words of an answer become a photograph's caption and keywords."""

from semreg_tf.annotating.photo_words import PhotoWords, caption_of, words_of

TAGS = {"text": "sea, blue, boat", "labels": ["sea, blue", "boat", "boat"], "concepts": []}
CAPTION = {"text": "a dog", "concepts": [["dog", 0.9], ["run", 0.5], ["cat", 0.49], ["a", 0.99]]}
BOTH = {**CAPTION, "labels": ["beach"], "label_probabilities": [["beach", 0.9]]}


def test_tags_are_keywords_and_no_caption():
    assert words_of(TAGS, ()) == PhotoWords(None, ("sea, blue", "boat"))
    assert caption_of(TAGS) is None


def test_a_captioners_keywords_are_its_sure_content_words():
    assert words_of(CAPTION, {"a"}) == PhotoWords("a dog", ("dog", "run"))


def test_a_model_of_both_gives_both():
    assert words_of(BOTH, {"a"}) == PhotoWords("a dog", ("beach",))
    assert caption_of(BOTH) == "a dog"


def test_words_are_on_one_line_without_what_xml_cannot_hold():
    row = {"text": "a\x00 dog\n", "labels": ["se\x0ba\ny", "\x01", "\U0001f600"], "concepts": []}
    found = words_of({**row, "label_probabilities": []}, ())
    assert found == PhotoWords("a dog", ("sea y", "\U0001f600"))
    assert words_of({"text": "", "concepts": []}, ()) == PhotoWords(None, ())
