"""A study's records as Markdown: means and spreads, stages, other decodings, where each is from."""

import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from semreg_tf.metrics.caption_results import last_scores
from semreg_tf.reporting.run_files import short_commit

Record = dict[str, Any]
CAPTION_COLUMNS = (
    "BLEU-1",
    "BLEU-2",
    "BLEU-3",
    "BLEU-4",
    "METEOR",
    "ROUGE-L",
    "CIDEr",
    "perplexity",
    "concept mAP",
)
TAG_COLUMNS = ("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1", "micro-F1", "mAP")
# A title, the columns, and what they are multiplied by.
_TASKS = {
    "tags": ("Tags, per cent", TAG_COLUMNS, 100.0),
    "captions": ("Captions", CAPTION_COLUMNS, 1.0),
}
_CUT = "cut at its best threshold"
# The beginning of the line before a table of a document, and the line after it.
_FIRST, _END = "<!-- scores: ", "<!-- end -->"
# N+, the classes with a recall above 0, is a count; it stands where labels have a fixed number too.
_COUNT = "N+"


def study_markdown(records: Sequence[Record]) -> str:
    """Returns the tables of a study's records.

    Returns:
      Markdown: scores by system, mean and sample deviation over seeds; the stages' best
      validations and times; other decodings; sizes, where all records tell them; commits and
      commands.
    """
    parts = [_all_scores(records), "### Stages", _stages(records)]
    if any(r["evaluations"] for r in records):
        parts += ["### Other decodings", _evaluations(records)]
    if all("parameters" in r for r in records):
        parts += ["### Size and time", _sizes(records)]
    parts += ["### Where the figures are from", _provenance(records)]
    return "\n\n".join(parts) + "\n"


def with_scores(text: str, study: str, records: Sequence[Record]) -> str:
    """Returns a document whose tables of a study's scores are made anew.

    Args:
      text: Markdown with the lines `<!-- scores: STUDY, TASK -->` and, after it, `<!-- end -->`;
        what is between them is replaced by the task's ("tags" or "captions") table; a third word
        `brief` leaves of all systems but the first their own labels, or the CNN's best threshold;
        `, of SYSTEM | SYSTEM` at the end leaves these systems alone.
      study: its name.
      records: of the study.

    Raises:
      ValueError: `text` has no such lines, one has no end before the next table, or names a system
        without a record.
    """
    pattern = re.compile(
        rf"(<!-- scores: {re.escape(study)}, (tags|captions)(, brief)?(?:, of ([^>\n]+))? -->\n)"
        rf"(?:(?!{_FIRST}).)*?({_END})",
        re.DOTALL,
    )
    whole = {match.start() for match in pattern.finditer(text)}
    lines = list(re.finditer(rf"{_FIRST}{re.escape(study)},.*", text))
    other = next((line.group() for line in lines if line.start() not in whole), None)
    if not whole or other is not None:
        raise ValueError(
            f"`into` must be a file with a line '<!-- scores: {study}, captions -->' (or tags; "
            "then ', brief' or ', of SYSTEM | SYSTEM'), and after it, before the next, a line "
            f"'{_END}'. "
            f"Received: {'a file without' if other is None else other}"
        )

    def with_table(match: re.Match[str]) -> str:
        first_line, task, brief, systems, last_line = match.groups()
        judged = _judged(records, task)
        if systems:
            chosen = systems.split(" | ")
            unknown = [name for name in chosen if name not in {r["system"] for r in judged}]
            if unknown:
                raise ValueError(
                    f"`into` must name systems of {study!r} that have a record. "
                    f"Received: {unknown[0]!r} in {first_line.strip()!r}"
                )
            judged = [r for r in judged if r["system"] in chosen]
        return f"{first_line}\n{_scores(judged, task, bool(brief))}\n\n{last_line}"

    return pattern.sub(with_table, text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table, its first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def mean_and_spread(values: Sequence[float], scale: float, decimals: int) -> str:
    """Returns "mean ± sample deviation"; one value has no deviation."""
    mean = f"{scale * statistics.fmean(values):.{decimals}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {scale * statistics.stdev(values):.{decimals}f}"


def without_threshold(system: str) -> str:
    """Returns the name of the CNN's label set without its threshold, which differs by seed."""
    if "best on" not in system:
        return system
    return f"{system.partition(', cut at ')[0].partition(' cut at ')[0]} {_CUT}"


def _all_scores(records: Sequence[Record]) -> str:
    parts = []
    for task, (title, _, _) in _TASKS.items():
        judged = _judged(records, task)
        if judged:
            where = judged[0]["results"]
            parts += [f"### {title}", f"{where['num_images']:,} images of `{where['split']}`."]
            parts.append(_scores(judged, task))
    return "\n\n".join(parts)


def _judged(records: Sequence[Record], task: str) -> list[Record]:
    """Returns the records that a task's table is of; one on captions and labels is in both."""
    by_task = ([r, r | {"results": r["labels"]}] if "labels" in r else [r] for r in records)
    return [record for pair in by_task for record in pair if record["results"]["task"] == task]


def _grouped(records: Sequence[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _tag_rows(record: Record) -> dict[str, dict[str, float]]:
    """Returns a record's systems by the name of their row: the model, and its CNN's cuts."""
    name = record["system"]
    rows = {}
    for system, scores in record["results"]["systems"].items():
        rows[name if system == "ours" else f"{name}: {without_threshold(system)}"] = scores
    return rows


def _is_brief(name: str, first: str, systems: Sequence[str]) -> bool:
    """Returns whether a row stands in the brief table of labels."""
    system, _, label = name.partition(": ")
    alone = system not in systems and label == f"CNN {_CUT}"
    return not label or system == first or alone


def _scores(records: Sequence[Record], task: str, brief: bool = False) -> str:
    _, columns, scale = _TASKS[task]
    rows: dict[str, list[dict[str, float]]] = {}
    for record in records:
        if task == "captions":
            results = record["results"]
            concepts = {"concept mAP": results.get("concept_mAP")}
            by_row = {record["system"]: results["captions"] | concepts}
        else:
            by_row = _tag_rows(record)
        for name, scores in by_row.items():
            rows.setdefault(name, []).append(scores)
    if brief:
        first = records[0]["system"]
        rows = {name: runs for name, runs in rows.items() if _is_brief(name, first, list(rows))}
    if any(": ours, exactly" in name for name in rows):
        columns = (*columns, _COUNT)
    every = [run for runs in rows.values() for run in runs]
    there = [c for c in columns if any(run.get(c) is not None for run in every)]
    decimals = {"perplexity": 2} if task == "captions" else {}
    lines = [
        [
            name,
            str(len(runs)),
            *(
                _cell(runs, column, scale, decimals.get(column, 3 if scale == 1 else 2))
                for column in there
            ),
        ]
        for name, runs in rows.items()
    ]
    return table(["system", "seeds", *there], lines)


def _cell(runs: Sequence[dict[str, float]], column: str, scale: float, decimals: int) -> str:
    values = [r[column] for r in runs if r.get(column) is not None]
    if column == _COUNT:
        scale, decimals = 1.0, 0
    return mean_and_spread(values, scale, decimals) if len(values) == len(runs) else "–"


def _stages(records: Sequence[Record]) -> str:
    has_device = any("device" in stage for r in records for stage in r["stages"].values())
    rows = []
    for system, group in _grouped(records, lambda r: r["system"]).items():
        for stage in group[0]["stages"]:
            runs = [r["stages"][stage] for r in group]
            best = [m["best_value"] for m in runs if m["best_value"] is not None]
            metric = runs[0]["metric"] or "–"
            donor = runs[0].get("taken_from")
            # Training alone: validations and waiting for the processor are not in it.
            secs = [m["history"][-1]["elapsed_secs"] for m in runs if m["history"]]
            # Runs of earlier versions do not tell.
            devices = " / ".join(sorted({m.get("device", "–") for m in runs}))
            rows.append(
                [
                    system,
                    stage if donor is None else f"{stage} (of {donor})",
                    f"{runs[0]['steps']:,}",
                    f"{metric} {mean_and_spread(best, 1.0, 3)}" if best else "–",
                    f"{statistics.fmean(secs) / 60:.1f}" if secs else "–",
                    *([devices] if has_device else []),
                ]
            )
    header = ["system", "stage", "steps", "best on validation", "minutes"]
    return table([*header, "device"] if has_device else header, rows)


def _evaluations(records: Sequence[Record]) -> str:
    parts = []
    for task, columns, scale, decimals in (
        ("captions", ("BLEU-1", "BLEU-4", "CIDEr"), 1.0, 3),
        ("tags", ("C-P", "C-R", "C-F1", "O-P", "O-R", "O-F1", _COUNT), 100.0, 2),
    ):
        rows = []
        chosen = [r for r in records if r["results"]["task"] == task]
        for system, group in _grouped(chosen, lambda r: r["system"]).items():
            by_name: dict[str, list[dict[str, float]]] = {}
            for record in group:
                for evaluation in record["evaluations"]:
                    for name, scores in _decoded(record, evaluation, task).items():
                        by_name.setdefault(name, []).append(scores)
            for name, runs in by_name.items():
                cells = (_cell(runs, column, scale, decimals) for column in columns)
                few = len(runs) < len(group)
                seeds = f" ({len(runs)} of {len(group)} seeds)" if few else ""
                rows.append([system, f"{name}{seeds}", *cells])
        if rows:
            parts.append(table(["system", "decoding", *columns], rows))
    return "\n\n".join(parts)


def _decoded(record: Record, evaluation: str, task: str) -> dict[str, dict[str, float]]:
    """Returns the scores of another decoding by the name of their row.

    For tags they are the decoder's own lists or, where the decoding leaves these as they were, the
    label sets that it changes.
    """
    results = record["evaluations"][evaluation]
    if task == "captions":
        return {evaluation: last_scores(results)}
    before = {without_threshold(n): scores for n, scores in record["results"]["systems"].items()}
    now = {without_threshold(n): scores for n, scores in results["systems"].items()}
    if now["ours"] == before.get("ours"):
        changed = {n: scores for n, scores in now.items() if scores != before.get(n)}
        if changed:
            return {f"{evaluation}: {n}": scores for n, scores in changed.items()}
    return {evaluation: now["ours"]}


def _sizes(records: Sequence[Record]) -> str:
    """Returns the parameters of head and decoder, and minutes of training over all stages.

    Stages of another system whose weights a system starts from are among them. Of an ensemble both
    are its members' sums.
    """
    trained_secs = {
        (r["system"], r["seed"]): sum(
            s["history"][-1]["elapsed_secs"]
            for s in (*r.get("inherited", ()), *r["stages"].values())
        )
        for r in records
    }
    rows = []
    for system, group in _grouped(records, lambda r: r["system"]).items():
        sizes = group[0]["parameters"]
        secs = [
            sum(trained_secs[tuple(member)] for member in r.get("members") or [(system, r["seed"])])
            for r in group
        ]
        millions = [f"{sizes[part] / 1e6:.2f}" for part in ("head", "decoder")]
        models = len(group[0].get("members") or [system])
        rows.append(
            [system, str(models), *millions, str(len(group)), f"{statistics.fmean(secs) / 60:.1f}"]
        )
    header = ["system", "models", "head, million", "decoder, million", "seeds", "minutes to train"]
    return table(header, rows)


def _provenance(records: Sequence[Record]) -> str:
    rows = [
        [
            r["system"],
            str(r["seed"]),
            f"`{short_commit(r['commit'])}`",
            f"{r['vocab_size']:,}",
            f"{r['num_concepts']:,}",
            _unknown_rate(r),
            _what_was_run(r),
        ]
        for r in records
    ]
    header = ["system", "seed", "commit", "output rows", "concepts", "UNK", "what was run"]
    return table(header, rows)


def _what_was_run(record: Record) -> str:
    encoder = [f"--encoder={record['encoder']}"] if record.get("encoder") else []
    fields = [f"--config.{override}" for override in record["overrides"]]
    return " ".join(f"`{part}`" for part in (record["experiment"], *encoder, *fields))


def _unknown_rate(record: Record) -> str:
    rate = record["results"].get("captions", {}).get("unknown_rate")
    return "–" if rate is None else f"{100 * rate:.1f} %"
