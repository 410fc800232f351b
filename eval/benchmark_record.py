"""Records of benchmarks, a file a processor and part, and the tables of BENCHMARKS.md from them."""

import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval.interleaved import INSTEAD, Row
from semreg_tf.files.whole_file import write_json
from semreg_tf.reporting.run_files import short_commit
from semreg_tf.reporting.study_tables import table

PACKAGES = ("tensorflow", "keras", "numpy")
# Of instruction sets, those that matrix products and pixels gain from.
_INSTRUCTIONS = re.compile(r"avx\w*|amx\w*|fma|asimd\w*|sve\w*|bf16|i8mm")
# A document's tables between `<!-- benchmark: PART -->` and `<!-- end -->`.
_PLACE = re.compile(r"(<!-- benchmark: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Record = dict[str, Any]


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> Record:
    """Returns the processor's name, its cores that may be used, and its instruction sets."""
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    fields = dict(re.findall(r"^([^\t:]+)\t*: (.*)$", text, re.MULTILINE))
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": cores,
        "instructions": sorted(flag for flag in flags if _INSTRUCTIONS.fullmatch(flag)),
    }


def record_path(folder: Path, part: str) -> Path:
    """Returns the file of a part's record on this processor."""
    return folder / f"{_name(machine())}-{part}.json"


def _name(record: Record) -> str:
    """Returns a processor's name fit for files; processors of one name differ in bfloat16."""
    half = "bf16" if any("bf16" in name for name in record["instructions"]) else "no-bf16"
    return f"{re.sub(r'[^a-z0-9]+', '-', record['processor'].lower()).strip('-')}-{half}"


def about(part: str) -> Record:
    """Returns what every record begins with: its part, the code, versions, and the machine."""
    # Imports TensorFlow, and whoever reads records does not need it.
    from semreg_tf.training.workdir import code_commit

    versions = {name: version(name) for name in PACKAGES}
    return {"part": part, "commit": code_commit(), "versions": versions, **machine()}


def write_record(path: Path, part: str, rows: Sequence[Row], rounds: int) -> None:
    """Writes a part's record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**about(part), "rounds": rounds, "rows": list(rows)})


def read_records(folder: Path) -> list[Record]:
    """Returns all records, in the order of their files' names."""
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json"))]


def with_tables(text: str, records: Iterable[Record]) -> str:
    """Returns a document whose tables are made anew from the records of their parts.

    Args:
      text: Markdown with the lines `<!-- benchmark: PART -->` and, after it, `<!-- end -->`; what
        is between them is replaced.
      records: of any parts.
    """
    by_part: dict[str, list[Record]] = {}
    for record in records:
        by_part.setdefault(record["part"], []).append(record)

    def made(found: re.Match[str]) -> str:
        sections = [_section(record) for record in by_part.get(found[2], [])]
        return f"{found[1]}\n{chr(10).join(sections) or 'Not measured yet.'}\n\n{found[3]}"

    return _PLACE.sub(made, text)


def _section(record: Record) -> str:
    """Returns one record's tables, a table a contest."""
    if record["part"] == "growth":
        from eval import benchmark_growth

        picture = f"results/benchmarks/{_name(record)}-growth.svg"
        return f"{benchmark_growth.markdown(record)}\n![Seconds against each]({picture})"
    told = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    parts = [
        f"**{record['processor']}**, {record['cores']} cores, "
        f"{' '.join(record['instructions'])}; {told}; commit {short_commit(record['commit'])}; "
        f"medians and quartiles of {record['rounds']} rounds.\n"
    ]
    contests: dict[str, list[Row]] = {}
    for row in record["rows"]:
        contests.setdefault(row["contest"], []).append(row)
    return "\n".join([*parts, *(_contest(name, rows) for name, rows in contests.items())])


def _contest(name: str, rows: Sequence[Row]) -> str:
    unit = rows[0]["unit"]
    base = next((row["way"] for row in rows if row["role"] == INSTEAD), None)
    header = [f"{name}", f"ms a {unit}", "quartiles", f"{unit}s a second", "processor ms"]
    header += [f"times {base}"] if base else []
    header += ["of the limit"]
    body = []
    for row in rows:
        line = [
            f"*{row['way']}*" if row["role"] != "ours" else row["way"],
            _figures(row["ms"]),
            f"{_figures(row['low_ms'])} to {_figures(row['high_ms'])}",
            _figures(1e3 / row["ms"]),
            _figures(row["cpu_ms"]),
        ]
        line += [f"{row['times_instead']:.2f}"] if base else []
        line += [f"{row['share_of_limit']:.2f}" if "share_of_limit" in row else ""]
        body.append(line)
    return table(header, body) + "\n"


def _figures(value: float) -> str:
    """Returns three figures."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")
