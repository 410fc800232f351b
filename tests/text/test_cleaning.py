import unicodedata

import pytest

from semreg_tf.text.cleaning import (
    COMPOSED,
    ENTITIES,
    INVISIBLE,
    clean_caption,
    clean_name,
    lone_surrogate,
    look_alike_key,
)


@pytest.mark.parametrize(
    ("text", "clean", "changes"),
    [
        ("A dog runs.", "A dog runs.", ()),
        ("salt &amp; pepper", "salt & pepper", (ENTITIES,)),
        ("The &quot;box&quot; &#39;n&#x27; ball", "The \"box\" 'n' ball", (ENTITIES,)),
        ("twice &amp;quot;escaped&amp;quot;", 'twice "escaped"', (ENTITIES,)),
        ("AT&T, fish&chips & more; &unknown;", "AT&T, fish&chips & more; &unknown;", ()),
        ("cafe\u0301", "caf\u00e9", (COMPOSED,)),
        ("sea\u200b and\ufeff sun\u00ad \u202ehere\x07", "sea and sun here", (INVISIBLE,)),
        ("cafe\u0301&amp;\u2060", "caf\u00e9&", (ENTITIES, INVISIBLE, COMPOSED)),
        # Joiners shape Persian and Indian words and emojis; between Latin letters they do nothing.
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None, ()),
        ("\u0915\u094d\u200d\u0937", None, ()),
        ("\U0001f468\u200d\U0001f469", None, ()),
        ("se\u200da", "sea", (INVISIBLE,)),
        # Khmer parts words by zero-width spaces.
        ("\u179f\u17bd\u200b\u178f\u17b8", "\u179f\u17bd \u178f\u17b8", (INVISIBLE,)),
    ],
)
def test_a_caption_has_one_spelling(text, clean, changes):
    clean = text if clean is None else clean
    assert clean_caption(text) == (clean, changes)
    assert clean_caption(clean) == (clean, ())
    assert unicodedata.is_normalized("NFC", clean)


def test_a_name_has_no_space_that_is_not_seen():
    assert clean_name("  new \t york ") == ("new york", ())
    assert clean_name("\u179f\u17bd\u200b\u178f\u17b8").text == "\u179f\u17bd\u178f\u17b8"
    assert clean_name("\u200b").text == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sea", "sea"),
        ("sea", "\uff53\uff45\uff41"),
        ("sea", "se\u0430"),
        ("STRASSE", "stra\u00dfe"),
    ],
)
def test_names_that_look_alike_have_one_key(one, other):
    assert look_alike_key(one) == look_alike_key(other)


def test_other_names_have_other_keys():
    keys = {
        look_alike_key(n) for n in ("sea", "see", "caf\u00e9", "cafe", "\u043c\u043e\u0440\u0435")
    }
    assert len(keys) == 5


def test_half_of_a_surrogate_pair_is_found_and_a_pair_is_none():
    assert lone_surrogate("x \ud800 y") == "\\ud800"
    assert lone_surrogate("smile \U0001f600") is None
