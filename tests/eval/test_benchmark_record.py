"""Records, and the tables of BENCHMARKS.md that are made of them."""

import json
from pathlib import Path

import pytest

from eval import benchmark_record
from eval.interleaved import INSTEAD, LIMIT, OURS

ROOT = Path(__file__).parents[2]
CPUINFO = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512_bf16 fma sse\n"
DOCUMENT = "# Title\n<!-- benchmark: train -->\nold\n<!-- end -->\nafter\n"


def row(way, role, ms, **ratios):
    times = {"ms": ms, "low_ms": ms - 1, "high_ms": ms + 1, "cpu_ms": 2 * ms}
    return {"contest": "one step", "unit": "step", "way": way, "role": role, **times, **ratios}


def test_the_machine_is_named_with_its_instruction_sets(tmp_path):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    found = benchmark_record.machine(tmp_path / "cpuinfo")
    assert found["processor"] == "Some CPU"
    assert found["instructions"] == ["avx2", "avx512_bf16", "fma"]
    assert benchmark_record.machine(tmp_path / "none")["processor"]


def test_a_limit_of_onednn_is_told_and_has_a_record_of_its_own(tmp_path, monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    path = benchmark_record.record_path(tmp_path, "train")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI")
    limited = benchmark_record.record_path(tmp_path, "train")
    assert limited != path and limited.name.endswith("-avx512-core-vnni-train.json")
    benchmark_record.write_record(limited, "train", [row("mine", OURS, 1.0)], 5)
    text = benchmark_record.with_tables(DOCUMENT, tmp_path)
    assert "oneDNN held to AVX512_CORE_VNNI, " in text


def test_two_runs_are_compared_by_their_ratios(tmp_path):
    rows = [
        row("theirs", INSTEAD, 10.0, times_instead=1.0, share_of_limit=0.1),
        row("mine", OURS, 5.0, times_instead=2.0, share_of_limit=0.2),
        row("mine, faster", OURS, 4.0, times_instead=2.5),
    ]
    again = [dict(r, times_instead=1.9) for r in rows[:2]]
    path = benchmark_record.record_path(tmp_path, "train")
    benchmark_record.write_record(path, "train", rows, 5)
    benchmark_record.write_record(tmp_path / "again" / path.name, "train", again, 5)
    text = benchmark_record.with_tables("<!-- benchmark: again -->\n<!-- end -->\n", tmp_path)
    assert "| one step | mine | 2.00 | 1.90 | 0.20 | 0.20 |" in text
    assert "theirs" not in text and "faster" not in text


def test_a_record_becomes_a_table_with_a_ratio_beside_every_figure(tmp_path):
    rows = [
        row("theirs", INSTEAD, 1234.5, times_instead=1.0, share_of_limit=0.1),
        row("mine", OURS, 12.345, times_instead=100.0, share_of_limit=0.9),
        row("bare", LIMIT, 11.0, times_instead=110.0, share_of_limit=1.0),
    ]
    path = benchmark_record.record_path(tmp_path, "train")
    benchmark_record.write_record(path, "train", rows, 5)
    text = benchmark_record.with_tables(DOCUMENT, tmp_path)
    assert text.startswith("# Title\n<!-- benchmark: train -->\n")
    assert text.endswith("<!-- end -->\nafter\n") and "old" not in text
    assert "| mine | 12.3 | 11.3 to 13.3 | 81.0 | 24.7 | 100.00 | 0.90 |" in text
    assert "| *theirs* | 1,234 | 1,234 to 1,236 | 0.810 | 2,469 | 1.00 | 0.10 |" in text
    assert "5 rounds" in text and "commit" in text
    assert benchmark_record.with_tables(text, tmp_path) == text


def test_benchmarks_md_tells_what_the_records_hold():
    text = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
    assert benchmark_record.with_tables(text, ROOT / "results" / "benchmarks") == text
    parts = (*benchmark_record.PARTS, benchmark_record.AGAIN)
    assert all(f"<!-- benchmark: {part} -->" in text for part in parts)


@pytest.mark.parametrize("path", sorted((ROOT / "results" / "benchmarks").glob("*.json")))
def test_every_record_says_of_what_machine_and_commit_it_is(path):
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path.name.endswith(f"-{record['part']}.json")
    assert record["processor"] and record["cores"] and record["commit"]
