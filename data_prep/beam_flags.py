"""The flag by which a prepare command hands its work to Apache Beam."""

from absl import flags

# The flag belongs to the command that asks for it, so that its --help shows it.
flags.disclaim_key_flags()


def define_beam_flag() -> flags.FlagHolder[list[str]]:
    """Defines `--beam_pipeline_options`, named and written as in TFDS's own command."""
    return flags.DEFINE_list(
        "beam_pipeline_options",
        [],
        "Have Apache Beam make the records: its options, comma-separated, such as "
        "runner=DirectRunner. [this machine alone, with all its cores]",
    )
