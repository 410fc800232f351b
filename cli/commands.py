"""The subcommands of `semreg`, each of which runs one binary."""

from typing import NamedTuple


class Command(NamedTuple):
    """A subcommand: the binary that it runs, and its line of `semreg --help`."""

    module: str
    summary: str


COMMANDS = {
    "prepare": Command("data_prep.prepare", "shards, vocabulary and counts of a data set"),
    "inspect": Command("data_prep.inspect_examples", "counts and pictures of prepared shards"),
    "list": Command("eval.list_experiments", "the experiments"),
    "train": Command(
        "train.train_all", "an experiment's stages, or from a folder of pictures to models"
    ),
    **{
        f"train_{stage}": Command(f"train.train_{stage}", f"the {stage} stage of an experiment")
        for stage in ("unary", "relational", "joint")
    },
    "evaluate": Command("eval.evaluate", "the scores of a run, by its task"),
    "export": Command("eval.export_model", "a SavedModel of a run: pictures in, text out"),
    "annotate": Command("eval.annotate_images", "captions or tags of pictures, by an export"),
    "serve": Command("eval.serve", "exports over HTTP, with a page to try them"),
    "report": Command("eval.report", "one HTML page on one or several runs"),
}

# Further binaries whose work a command does.
_OTHER_MODULES = {"evaluate": ("eval.evaluate_tags", "eval.evaluate_captions")}


def named_as_commands(text: str) -> str:
    """Returns a help text with `semreg <command>` in place of `python -m <binary>`."""
    for name, command in COMMANDS.items():
        for module in (command.module, *_OTHER_MODULES.get(name, ())):
            text = text.replace(f"python -m {module} ", f"semreg {name} ")
    return text.replace("Run from the checkout:\n", "")


def describe_commands() -> str:
    """Returns the text of `semreg --help`."""
    lines = [
        "Image annotation by semantic regularisation: semreg COMMAND [flags]",
        "",
        *(f"  {name:<18}{command.summary}" for name, command in COMMANDS.items()),
        "",
        "semreg COMMAND --help lists a command's flags.",
    ]
    return "\n".join(lines)
