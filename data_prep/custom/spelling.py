"""Normalises the texts of an annotation file, with a warning for each change."""

from data_prep.custom.annotation_file import excerpt
from data_prep.custom.findings import Findings
from semreg_tf.text.cleaning import ENTITIES, clean_caption, clean_name, lone_surrogate

_CAPTIONS = ("caption", "captions")


def is_encodable(line: int, where: str, text: str, findings: Findings) -> bool:
    """Returns whether a text can be encoded as UTF-8, and adds a problem if not."""
    half = lone_surrogate(text)
    if half is not None:
        findings.problem(
            line,
            "half of a surrogate pair",
            f"{where} holds {half}, half of a surrogate pair, which no text can: write the whole "
            f"character. Received: {text[:60]!a}",
        )
    return half is None


def clean(line: int, where: str, column: str, text: str, findings: Findings) -> str:
    """Returns a normalised text, or "" with a problem if it cannot be used.

    `where` is the text's name in messages.
    """
    if not is_encodable(line, where, text, findings):
        return ""
    cleaned = (clean_caption if column in _CAPTIONS else clean_name)(text)
    for change in cleaned.changes:
        became = f", now {excerpt(cleaned.text)}" if change == ENTITIES else ""
        findings.warn(line, change, f"{where}: {change}: {text[:60]!a}{became}")
    plain = " ".join(cleaned.text.split())
    if not plain:
        findings.problem(
            line, f"empty text in `{column}`", f"{where} holds nothing that is seen: {text!a}"
        )
    return plain
