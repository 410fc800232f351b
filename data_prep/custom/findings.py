"""Faults of an annotation file, by line, reported together."""

import collections
from collections.abc import Iterable
from dataclasses import dataclass, field

# A report longer than this tells the first of each kind and the line numbers of the rest.
_LONG = 200
_SHOWN_OF_A_KIND = 10
_MAX_RANGES = 80


@dataclass(frozen=True, order=True)
class Finding:
    """One thing about one line; `kind` is the same for all that are alike.

    Line 0 is the file as a whole; `names` then says which pictures are meant.
    """

    line: int
    kind: str
    text: str
    names: tuple[str, ...] = ()


@dataclass
class Findings:
    """Collects problems, which stop the preparation, and warnings, which do not.

    Attributes:
      problems: in the order in which they were found.
      warnings: likewise.
      unit: what a finding's line is: "line" of a file, or "picture" where there is no such file.
    """

    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    unit: str = "line"

    def problem(self, line: int, kind: str, text: str) -> None:
        """Notes a problem of a line; lines count from 1."""
        self.problems.append(Finding(line, kind, text))

    def warn(self, line: int, kind: str, text: str, names: tuple[str, ...] = ()) -> None:
        """Notes something that may be meant."""
        self.warnings.append(Finding(line, kind, text, names))


def describe(findings: Iterable[Finding], unit: str = "line") -> str:
    """Returns one line a finding, by line number, then how many there are of each kind.

    Of a long list each kind's first ones are told in full; of the rest only the line numbers
    are, but all of them.

    Args:
      findings: in any order.
      unit: as in `Findings`.

    Example:
      >>> print(describe([Finding(3, "picture missing", "no 'a.jpg' in /pics")]))
        line 3: no 'a.jpg' in /pics
    """
    ordered = sorted(findings)
    kinds = collections.Counter(finding.kind for finding in ordered)
    limit = _SHOWN_OF_A_KIND if len(ordered) > _LONG else len(ordered)
    shown: collections.Counter[str] = collections.Counter()
    lines, rest = [], collections.defaultdict(list)
    for finding in ordered:
        shown[finding.kind] += 1
        if shown[finding.kind] > limit:
            rest[finding.kind].append(finding.line)
        else:
            where = f"{unit} {finding.line}: " if finding.line else ""
            lines.append(f"  {where}{finding.text}")
    for kind, numbers in rest.items():
        lines.append(f"  {kind}, as above, also on {unit}s {_ranges(numbers)}")
    if len(ordered) > 1 and len(kinds) < len(ordered):
        tally = ", ".join(f"{kind}: {count:,}" for kind, count in kinds.most_common())
        lines.append(f"  in all {len(ordered):,}: {tally}")
    return "\n".join(lines)


def some_lines(numbers: Iterable[int]) -> str:
    """Returns line numbers as ranges, not endlessly many: `3-7, 9, ...`."""
    ranges = _ranges(sorted(numbers))
    if len(ranges) <= _MAX_RANGES:
        return ranges
    return f"{ranges[:_MAX_RANGES].rpartition(', ')[0]}, ..."


def _ranges(numbers: list[int]) -> str:
    """Returns rising numbers as `3-7, 9`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)
