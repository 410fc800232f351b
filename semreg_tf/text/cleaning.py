"""Normalisation of captions and names: HTML entities, invisible marks, composed letters.

Without it, texts that look the same would be two words or two classes: `café` with one or two
characters for its last letter, or `sea` with a zero-width space behind it.
"""

import html
import re
import unicodedata
from typing import NamedTuple

ENTITIES = "HTML entities unescaped"
INVISIBLE = "invisible marks removed"
COMPOSED = "letters composed (Unicode NFC)"

# The semicolon is required: `AT&T` and `fish&chips` are not entities.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Some data sets hold text that is escaped more than once: `&amp;quot;`.
_ESCAPED_TIMES = 3

_ZERO_WIDTH_SPACE = "\u200b"
# They change letters of Arabic, Persian and Indian scripts, and join emojis.
_JOINERS = "\u200c\u200d"
_FIRST_JOINED = "\u0590"
# Visible characters of the category Cf: signs above Arabic and Syriac numbers.
_PRINTED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))

# Scripts without blanks between words: Han, kana and their marks; Thai, Lao, Tibetan, Myanmar,
# Khmer.
_WITHOUT_BLANKS = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\u3005-\u3007\u3031-\u3035\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
LETTER_WITHOUT_BLANKS = re.compile(f"[{_WITHOUT_BLANKS}]")
_WORD_BREAK = re.compile(f"(?<=[{_WITHOUT_BLANKS}]){_ZERO_WIDTH_SPACE}(?=[{_WITHOUT_BLANKS}])")

# Letters of other alphabets that look like Latin ones.
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝьАВЕКМНОРСТУХІЈЅαοορνιΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhqwbABEKMHOPCTYXIJSaoopviABEZHIKMNOPTYX",
)


class CleanText(NamedTuple):
    """A normalised text, and its changes: some of `ENTITIES`, `INVISIBLE`, `COMPOSED`."""

    text: str
    changes: tuple[str, ...] = ()


def clean_caption(text: str) -> CleanText:
    """Returns a caption with unescaped entities, without invisible marks, in NFC.

    A zero-width space in a script without blanks separates words and becomes a blank.

    Example:
      >>> clean_caption("salt &amp; pepper").text
      'salt & pepper'
    """
    return _clean(text, _WORD_BREAK)


def clean_name(text: str) -> CleanText:
    """Returns a normalised label, tag or group name; several blanks become one.

    Example:
      >>> clean_name("sea" + chr(0x200B))
      CleanText(text='sea', changes=('invisible marks removed',))
    """
    cleaned = _clean(text, None)
    return cleaned._replace(text=" ".join(cleaned.text.split()))


def look_alike_key(name: str) -> str:
    """Returns a key that is equal for names that look alike.

    It ignores case, full-width and other compatibility forms, joiners, and whether a letter is
    Latin or of another alphabet.

    Example:
      >>> look_alike_key("Sea") == look_alike_key("ｓｅａ")
      True
    """
    text = unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKES).casefold()
    return "".join(c for c in text if c not in _JOINERS)


def lone_surrogate(text: str) -> str | None:
    r"""Returns the first lone surrogate as `\ud800`, or None. UTF-8 cannot encode one."""
    surrogate = next((c for c in text if "\ud800" <= c <= "\udfff"), None)
    return None if surrogate is None else f"\\u{ord(surrogate):04x}"


def _clean(text: str, word_break: re.Pattern[str] | None) -> CleanText:
    changes = []
    unescaped = _unescape(text)
    if unescaped != text:
        changes.append(ENTITIES)
    visible = word_break.sub(" ", unescaped) if word_break else unescaped
    visible = _without_invisible(visible)
    if visible != unescaped:
        changes.append(INVISIBLE)
    composed = unicodedata.normalize("NFC", visible)
    if composed != visible:
        changes.append(COMPOSED)
    return CleanText(composed, tuple(changes))


def _unescape(text: str) -> str:
    for _ in range(_ESCAPED_TIMES):
        earlier, text = text, _ENTITY.sub(lambda match: html.unescape(match.group()), text)
        if text == earlier:
            break
    return text


def _without_invisible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    characters = []
    for i, character in enumerate(text):
        if character in _JOINERS:
            around = text[i - 1 : i] + text[i + 1 : i + 2]
            if len(around) == 2 and min(around) >= _FIRST_JOINED:
                characters.append(character)
        elif not _is_invisible(character):
            characters.append(character)
    return "".join(characters)


def _is_invisible(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cf":
        return character not in _PRINTED
    return (category == "Cc" and not character.isspace()) or character in _VARIATION_SELECTORS
