"""Brings the texts of an annotation file to one spelling and says, by line, what was changed."""

from data_prep.custom.annotation_file import excerpt
from data_prep.custom.findings import Findings
from semreg_tf.text.cleaning import ENTITIES, clean_caption, clean_name, lone_surrogate

_CAPTIONS = ("caption", "captions")


def is_encodable(line: int, where: str, text: str, findings: Findings) -> bool:
    """Tells whether UTF-8 can hold a text; notes a problem where it cannot."""
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
    """Returns a text in its one spelling; "" where it is refused, which is noted.

    Args:
      line: of the file.
      where: what the messages call the text.
      column: the text's.
      text: as the file has it.
      findings: where problems and warnings go.
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
