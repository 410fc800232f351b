"""Prints the experiments: name, table row, stages, changed fields, and the paper's figures.

python -m eval.list_experiments [--match=coco_captions] [--names] [--parameters]
"""

import dataclasses

from absl import flags

from cli import program
from semreg_tf import config_io, console, experiments
from semreg_tf.experiments import reported

_MATCH = flags.DEFINE_string("match", "", "List only names that contain this text.")
_NAMES = flags.DEFINE_bool("names", False, "Print the names alone.")
_PARAMETERS = flags.DEFINE_bool(
    "parameters",
    False,
    "Also build each model and count its trainable parameters (slow; no weights needed).",
)
_HIDDEN = ("name", "table_row")
# Numbers of labels of data sets that determine the model's size (Sec. 4.2).
_NUM_LABELS = {"nus_wide": 81, "coco_tags": 80}


def trainable_parameters(name: str) -> int | None:
    """Returns the trainable parameters at full size; None if it depends on a user's data set."""
    # Imported here so that the plain list does not wait for TensorFlow.
    from semreg_tf.models.annotator import GROUPS, Annotator

    config = experiments.get(name)
    concepts = _NUM_LABELS.get(config.data.dataset, config.data.num_concepts)
    if config.data.task == "tags":
        vocab_size = None if concepts is None else concepts + 1
    else:
        vocab_size = config.data.max_vocab_size
    if concepts is None or vocab_size is None:
        return None
    bare = dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, weights=None))
    annotator = Annotator(bare, concepts, vocab_size)
    variables = [v for group in GROUPS for v in annotator.variables(group)]
    return sum(int(v.shape.num_elements()) for v in (x.value for x in variables))


def describe(name: str) -> list[str]:
    """Returns the lines of one experiment."""
    config = experiments.get(name)
    differing = config_io.differing_fields(config, experiments.base_of(name))
    shown = [f"{k}={v}" for k, v in differing.items() if k.split(".")[0] not in _HIDDEN]
    lines = [
        name,
        f"  {config.table_row}; stages {', '.join(config.stages)}",
        f"  differs: {', '.join(shown) or 'nothing, it is the base'}",
    ]
    paper_row = reported.lookup(config.table_row)
    if paper_row is not None:
        table, system = paper_row
        figures = [f"{k} {v}" for k, v in table.figures(system).items()]
        other = "" if table.dataset == config.data.dataset else f" on {table.dataset}"
        lines.append(f"  the paper{other}: {', '.join(figures)}")
    if _PARAMETERS.value:
        count = trainable_parameters(name)
        lines.append(f"  trainable: {'depends on the data set' if count is None else f'{count:,}'}")
    return lines


def main(_: list[str]) -> None:
    """Prints the list."""
    with console.plain_errors():
        names = [n for n in experiments.names() if _MATCH.value in n]
        if not names:
            raise ValueError(f"`match` fits no experiment. Received: match={_MATCH.value!r}")
    for name in names:
        print(name if _NAMES.value else "\n".join(describe(name)))


if __name__ == "__main__":
    program.run(main)
