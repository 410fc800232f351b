"""Prints the experiments: name, table row, stages, what differs from the data set's base.

python -m eval.list_experiments [--match=coco_captions]
"""

from absl import app, flags

from semreg_tf import config_io, console, experiments

_MATCH = flags.DEFINE_string("match", "", "Only names that contain this.")
_HIDDEN = ("name", "table_row", "stages")


def main(_: list[str]) -> None:
    """Prints the table."""
    rows = []
    for name in experiments.names():
        if _MATCH.value not in name:
            continue
        config = experiments.get(name)
        differing = config_io.differing_fields(config, experiments.base_of(name))
        shown = [f"{k}={v}" for k, v in differing.items() if k.split(".")[0] not in _HIDDEN]
        rows.append([name, config.table_row, "+".join(config.stages), ", ".join(shown) or "(base)"])
    with console.plain_errors():
        if not rows:
            raise ValueError(f"`match` fits no experiment. Received: match={_MATCH.value!r}")
    for name, row, stages, differs in rows:
        print(f"{name}\n    {row}; stages {stages}\n    {differs}")


if __name__ == "__main__":
    app.run(main)
