"""Records of benchmarks, one file per processor and part, and the tables of BENCHMARKS.md."""

import json
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval.interleaved import INSTEAD, OURS, Row
from semreg_tf.files.whole_file import write_json
from semreg_tf.reporting.run_files import short_commit
from semreg_tf.reporting.study_tables import table

# The parts whose records the document shows, the most informative first.
PARTS = (
    *("train", "decode", "start", "annotate", "input"),
    *("retrieval", "metrics", "workers", "growth"),
)
PACKAGES = ("tensorflow", "keras", "numpy")
# The instruction sets that speed up matrix products and image processing.
_INSTRUCTIONS = re.compile(r"avx\w*|amx\w*|fma|asimd\w*|sve\w*|bf16|i8mm")
# Holds oneDNN, which computes TensorFlow's and PyTorch's products, to fewer instruction sets.
_ONEDNN_LIMIT = "ONEDNN_MAX_CPU_ISA"
# The folder, in that of the records, with those of a second run; and where their table stands.
AGAIN = "again"
# The tables of a part in a document, between `<!-- benchmark: PART -->` and `<!-- end -->`.
_PLACE = re.compile(r"(<!-- benchmark: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Record = dict[str, Any]


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> Record:
    """Returns the processor's name, the number of usable cores, and the instruction sets.

    `onednn` is the environment's limit of oneDNN's instruction sets, if there is one: with
    `ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI` a processor stands in for one without bfloat16.
    """
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    fields = dict(re.findall(r"^([^\t:]+)\t*: (.*)$", text, re.MULTILINE))
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = os.environ.get(_ONEDNN_LIMIT)
    return {
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        **({"onednn": limit} if limit else {}),
        "cores": cores,
        "instructions": sorted(flag for flag in flags if _INSTRUCTIONS.fullmatch(flag)),
    }


def record_path(folder: Path, part: str) -> Path:
    """Returns the file of a part's record on this processor."""
    return folder / f"{_name(machine())}-{part}.json"


def _name(record: Record) -> str:
    """Returns a file name for a processor; some of the same name differ in bfloat16 support."""
    half = "bf16" if any("bf16" in name for name in record["instructions"]) else "no-bf16"
    return _lower(f"{record['processor']}-{record.get('onednn', half)}")


def _lower(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def about(part: str) -> Record:
    """Returns the first fields of a record: part, commit, versions and machine."""
    # Imported here, because it imports TensorFlow, which readers of records do not need.
    from semreg_tf.training.workdir import code_commit

    versions = {name: version(name) for name in PACKAGES}
    return {"part": part, "commit": code_commit(), "versions": versions, **machine()}


def write_record(path: Path, part: str, rows: Sequence[Row], rounds: int) -> None:
    """Writes the record of a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**about(part), "rounds": rounds, "rows": list(rows)})


def read_records(folder: Path) -> list[Record]:
    """Returns all records of a folder, in the order of their files' names."""
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json"))]


def with_tables(text: str, folder: Path) -> str:
    """Returns a document with new tables from the records of a folder.

    Args:
      text: Markdown; the text between the lines `<!-- benchmark: PART -->` and `<!-- end -->` is
        replaced; the part `again` compares the ratios of the two runs.
      folder: records of any parts; those of a second run are in `folder/again`.
    """
    by_part: dict[str, list[Record]] = {}
    for record in read_records(folder):
        by_part.setdefault(record["part"], []).append(record)

    def replacement(match: re.Match[str]) -> str:
        if match[2] == AGAIN:
            sections = [_both_runs(read_records(folder), read_records(folder / AGAIN))]
        else:
            sections = [_section(record) for record in by_part.get(match[2], [])]
        return f"{match[1]}\n{chr(10).join(sections) or 'Not measured yet.'}\n\n{match[3]}"

    return _PLACE.sub(replacement, text)


def _section(record: Record) -> str:
    """Returns a table for each contest of a record."""
    if record["part"] == "growth":
        from eval import benchmark_growth

        picture = f"results/benchmarks/{_name(record)}-growth.svg"
        return f"{benchmark_growth.markdown(record)}\n![Seconds against each]({picture})"
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    limit = f"oneDNN held to {record['onednn']}, " if "onednn" in record else ""
    parts = [
        f"**{record['processor']}**, {limit}{record['cores']} cores, "
        f"{' '.join(record['instructions'])}; {versions}; commit {short_commit(record['commit'])}; "
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


def _both_runs(first: Sequence[Record], second: Sequence[Record]) -> str:
    """Returns a table of our ways' ratios that two runs measured on the same machine."""
    rows = {_key(record, row): row for record in second for row in record.get("rows", ())}
    body = []
    for record in first:
        for row in record.get("rows", ()):
            other = rows.get(_key(record, row))
            if row["role"] == OURS and other is not None:
                ratios = [
                    f"{r[name]:.2f}" if name in r else ""
                    for name in ("times_instead", "share_of_limit")
                    for r in (row, other)
                ]
                body.append([row["contest"], row["way"], *ratios])
    header = ["", "way", "times the plain way", "again", "of the limit", "again"]
    return table(header, body) + "\n" if body else ""


def _key(record: Record, row: Row) -> tuple[str, str, str]:
    return _name(record), row["contest"], row["way"]


def _figures(value: float) -> str:
    """Returns a number with three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")
