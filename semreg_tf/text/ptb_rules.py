"""The tokens of the Java PTBTokenizer as regular expressions, derived from its output."""

import re

# Letters with their combining marks, without the superscripts and fractions that `\w` matches.
_MARKS = "\u02c2-\u036f\u0483-\u0487\u0591-\u05bd\u064b-\u065e\u0900-\u0903\u093c\u093e-\u094e"
_NUMERALS = (
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2080-\u2089\u2150-\u2182\u2185-\u218b"
    "\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
)
_L = rf"(?:(?![{_NUMERALS}])[^\W\d_]|[{_MARKS}])"
_A = rf"(?:(?![{_NUMERALS}])[^\W_]|[{_MARKS}])"
_HYPHEN = "[-_\u058a\u2010\u2011]"

# Abbreviations that keep their full stop always, only if capitalised, or only before a number.
_ABBREVIATIONS = """
    adj adm adv al ala alex apr ariz assn assoc asst atty attys aug ave bancorp bhd bldg blvd
    brig bros calif capt cf cie cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr
    drs elec ens esq est etc ext feb fla fri ft ga gen gov govs hon inc ind insp intl invt jan
    jos jr jul jun kan kans ky lieut lt ltd maj mar md messrs mfg mich minn mlle mme mo mon mont
    mr mrs ms msgr mt mtg natl neb nev nov oct okla penn pfc ph plc ppte ppty pres prof profs pte
    ptes pty ptys pvt rd rep reps rev rt sen sens sep sept seq sfc sgt spc sq sr st ste supt
    supts sys tel tenn thu thurs treas tue tues univ va vs vt wed wis wisc wm wyo
"""
_CAPITALISED = "ark az del ill la mass miss ore pa tex wash"
_BEFORE_NUMBERS = "art ca fig figs no nos op pp prop"

# A single letter with a full stop before one of these words ends a sentence; it is not an initial.
_SENTENCE_STARTS = """
    A About According After An As At But HE He Her Here IT If In It Last Many More Mr. Ms. Now
    Once One Other Our She Since So Some Such THE That The Their Then There These They This We
    What When While Yet You
"""


def _any(words: str) -> str:
    return "|".join(re.escape(word) for word in words.split())


_SHORT = rf"(?:(?i:{_any(_ABBREVIATIONS)})|(?=[A-Z])(?i:{_any(_CAPITALISED)}))\."
_NUMBERED = rf"(?i:{_any(_BEFORE_NUMBERS)})\.(?= ?\d)"
_ACRONYM = r"[A-Za-z](?:\.[A-Za-z])*\."
_INITIAL = rf"[A-Za-z]\.(?! (?:{_any(_SENTENCE_STARTS)}) )"
_REDUCED = "(?:'(?i:s|m|d|re|ve|ll)(?![A-Za-z])|’(?i:s|m|d|re|ve|ll))"
_APOSTROPHISED = (
    rf"['’]n(?:['’]|(?!{_L}))|[ldj]['’]|dunkin['’]|somethin['’]|ol['’]|['’]em|c'mon|['’]till?|"
    "['’]cause|o['’]clock|ma['’]am|hallowe['’]en|li['’]l|e['’]er|"
    rf"['’][2-9]0s(?!{_A})|['’]\d\d(?=\s|$)"
)
_HOST = r"(?:[^\s\"'`$()<>\[\]{}|\\^_,:;=@/.-]+\.)+"
_NO_STOP = r"[^\s\"<>|.!?(){},-]"
_PATH = rf"(?:/[^\s\"<>|()]+{_NO_STOP})?"
_MAIL = r"[^\s\"<>|(){}"

# Tokens that may contain blanks.
TAG = r"</?[A-Za-z][\w.-]*(?: [\w.:-]+(?:=\"[^\"<>]*\")?)* ?/?>"
PHONE = r"(?:\(\d{2,3}\) ?|(?:\d{2,4}[- ])?\d{2,4}[- ])\d{3,4}[- ]\d{3,5}"
FRACTION = r"(?:\d{1,4}[- ])?\d{1,4}[/\u2044]\d{1,4}"

# Words that the Treebank rules split: cannot, gonna, don't, it's, 'tis.
WORD = re.compile(rf"(?:'(?i:tis|twas)|{_L}{_A}*)(?:(?<=[nN])['’][tT](?!{_L}))?(?:{_REDUCED})*")

# Tokens that are not split. The longest match at a place wins.
TOKENS = [
    re.compile(pattern)
    for pattern in (
        rf"{_L}{_A}*(?:[.!?]{_L}{_A}*)+",
        rf"(?:[dDoOlL]['’]{_A})?{_A}+(?:{_HYPHEN}(?:[dDoOlL]['’]{_A})?{_A}+)*",
        rf"[A-Za-z0-9][A-Za-z0-9.,]*(?:-(?:[A-Za-z0-9]+|{_ACRONYM}))+",
        r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}",
        r"[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+|C\+\+|[CF]#|[A-Z]+\$",
        r"[-+]?(?:\d*(?:[.:,\u066b\u066c]\d+)+|\d+)",
        FRACTION,
        PHONE,
        _SHORT,
        _NUMBERED,
        _INITIAL,
        r"[A-Za-z](?:\.[A-Za-z])+\.|(?:Ed|Ph)\.D\.",
        rf"{_A}+(?:{_HYPHEN}{_A}+)*\.(?=[,;:])",
        rf"(?i:{_APOSTROPHISED})|[yY]['’](?={_L})|{_REDUCED}|(?i:n['’]t)(?!{_L})",
        rf"[A-HJ-XZn]['’]{_L}{{2,}}|{_L}+[aeiouyAEIOUY]['’][aeiouA-Z]{_L}*",
        rf"https?://[^\s\"<>|()]+{_NO_STOP}",
        rf"www\.{_HOST}[a-zA-Z]{{2,4}}{_PATH}",
        rf"{_HOST}(?:com|net|org|edu){_PATH}",
        rf"<?[A-Za-z0-9]{_MAIL}]*@(?:{_MAIL}.]+\.)*{_MAIL}.]+>?",
        r"@[A-Za-z_]\w*|#[A-Za-z]+",
        TAG,
        r"&#\d+;|&(?i:amp|lt|gt|quot|apos|nbsp);",
        r"[<>]?[:;=](?:[-o]|')?[()DPdp\\{@|\[\]](?![A-Za-z0-9])",
        r"[-^=~<>']_[-^=~<>']|\([-^=~<>'][_.][-^=~<>']\)",
        r"[?!]+|-+|\.{3,}|\.\.(?!\d)|_+|\*+|@+|##+|<<|>>|''|``|[`‘’‛“”]{2}",
    )
]
