"""The prepare commands: define the flags of a data set and prepare it."""

import sys
from collections.abc import Callable
from typing import Any

from absl import flags, logging

from cli import program, shared_flags
from cli.help_flags import values_on
from data_prep.datasets import DATASETS, options_of
from data_prep.options import DatasetOptions, Option
from semreg_tf.console import plain_errors

# The flags belong to the binary that calls `run`, so that its --help shows them.
flags.disclaim_key_flags()

STOPPED = (
    "Stopped; steps that were finished are kept (shards, annotations, vocabulary, counts), and the "
    "same command does the rest."
)


def run(dataset: str | None = None) -> None:
    """Defines the flags of a data set, parses them and prepares it.

    If `dataset` is None, it is given by `--dataset` on the command line.
    """
    if dataset is None:
        flags.DEFINE_enum("dataset", None, list(DATASETS), "Data set to prepare.", required=True)
        dataset = next(iter(values_on(sys.argv, "dataset")), None)
    if dataset is None:
        # Prints the help, or the error that `--dataset` is required.
        program.run(lambda _: None)
    with plain_errors():
        options = options_of(dataset)
    given = _define(options)
    program.run(lambda _: _prepare(options, given), stopped=STOPPED)


def _define(options: DatasetOptions) -> dict[str, flags.FlagHolder[Any]]:
    given = {option.name: _define_option(option) for option in options.options}
    given["data_dir"] = shared_flags.define_data_dir(
        required=options.raw_files is None, text="Folder of prepared data sets, to be written."
    )
    if options.raw_files is not None:
        given["raw_dir"] = flags.DEFINE_string("raw_dir", None, options.raw_files, required=True)
        given["check_only"] = flags.DEFINE_bool(
            "check_only", False, "Report what is wrong with the raw files, and prepare nothing."
        )
        given["shorter_side"] = flags.DEFINE_integer(
            "shorter_side",
            None,
            "Shrink pictures whose shorter side has more pixels.",
        )
        given["beam_pipeline_options"] = flags.DEFINE_list(
            "beam_pipeline_options",
            [],
            "Comma-separated options of Apache Beam, which then creates the records, such as "
            "runner=DirectRunner. [this machine only, with all its cores]",
        )
    return given


def _define_option(option: Option) -> flags.FlagHolder[Any]:
    arguments = {"help": option.help, "required": option.required}
    if option.choices:
        return flags.DEFINE_enum(option.name, option.default, option.choices, **arguments)
    kinds: dict[type, Callable[..., flags.FlagHolder[Any]]] = {
        bool: flags.DEFINE_bool,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
    }
    define = kinds.get(type(option.default), flags.DEFINE_string)
    return define(option.name, option.default, **arguments)


def _prepare(options: DatasetOptions, given: dict[str, flags.FlagHolder[Any]]) -> None:
    values = {name: holder.value for name, holder in given.items()}
    raw_dir, data_dir = values.pop("raw_dir", None), values.pop("data_dir")
    beam, check_only = values.pop("beam_pipeline_options", ()), values.pop("check_only", False)
    with plain_errors(keep_lines=True):
        if not flags.FLAGS["verbosity"].present:
            # TFDS warns about folders that do not exist yet.
            logging.set_verbosity(logging.ERROR)
        if data_dir is None and not check_only:
            raise ValueError("`data_dir` must be the folder to write. Received: data_dir=None")
        variant = None
        for option in options.options:
            if option.is_variant:
                chosen = values.pop(option.name)
                variant = None if chosen == option.default else chosen
        kind = options.builder_class()
        from data_prep.preparation import prepare

        builder = kind(data_dir=data_dir, config=variant, **kind.arguments(raw_dir, values))
        if check_only:
            builder.check_raw_files(raw_dir)
            print("No problem was found.")
            return
        prepare(builder, raw_dir, beam)
        published = builder.describe_published()
        if published:
            print(published)
