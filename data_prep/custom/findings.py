"""Problems and warnings of an annotation file, which are reported together."""

import collections
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# Longer reports list the first findings of each kind, and the line numbers of the others.
_LONG = 200
_SHOWN_OF_A_KIND = 10
_MAX_RANGES = 80
_SHOWN_NAMES = 3


@dataclass(frozen=True, order=True)
class Finding:
    """A problem or a warning about a line; `kind` is equal for similar findings.

    Line 0 stands for the whole file; `names` are then the names of the pictures.
    """

    line: int
    kind: str
    text: str
    names: tuple[str, ...] = ()


@dataclass
class Findings:
    """Collects problems, which stop the preparation, and warnings, which do not.

    Attributes:
      problems: the problems, in the order in which they were added.
      warnings: the warnings, in the same way.
      unit: the meaning of a line number: "line" of a file, or "picture" without a file.
    """

    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    unit: str = "line"

    def problem(self, line: int, kind: str, text: str) -> None:
        """Adds a problem of a line; lines are numbered from 1."""
        self.problems.append(Finding(line, kind, text))

    def warn(self, line: int, kind: str, text: str, names: tuple[str, ...] = ()) -> None:
        """Adds a warning, which may be intended."""
        self.warnings.append(Finding(line, kind, text, names))

    def warn_left_out(self, kind: str, what: str, names: Sequence[str]) -> None:
        """Adds a warning that pictures are left out, if there are any."""
        if names:
            text = f"{len(names):,} pictures {what} and are left out ({some_names(names)})"
            self.warn(0, f"picture left out, {kind}", text, tuple(names))


def some_names(names: Sequence[str]) -> str:
    """Returns the first names in quotes, for a report."""
    shown = ", ".join(map(repr, names[:_SHOWN_NAMES]))
    return shown + (", ..." if len(names) > _SHOWN_NAMES else "")


def describe(findings: Iterable[Finding], unit: str = "line") -> str:
    """Returns a line for each finding, sorted by line number, then the counts by kind.

    In a long list, only the first findings of each kind are described, and the others are listed by
    their line numbers. `unit` is as for `Findings`.

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
    """Returns line numbers as ranges, shortened if there are many: `3-7, 9, ...`."""
    ranges = _ranges(sorted(numbers))
    if len(ranges) <= _MAX_RANGES:
        return ranges
    return f"{ranges[:_MAX_RANGES].rpartition(', ')[0]}, ..."


def _ranges(numbers: list[int]) -> str:
    """Returns increasing numbers as ranges: `3-7, 9`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)
