"""The flag by which a prepare command is told how captions become tokens."""

from absl import flags

from semreg_tf.data.text import TOKENIZERS

# The flag belongs to the command that asks for it, so that its --help shows it.
flags.disclaim_key_flags()


def define_tokenizer_flag() -> flags.FlagHolder[str | None]:
    """Defines `--tokenizer`."""
    return flags.DEFINE_enum(
        "tokenizer",
        None,
        TOKENIZERS,
        "How captions become tokens: ptb, the tokens that the COCO evaluation compares; treebank, "
        "as in im2txt; characters, each letter of a script written without blanks by itself; "
        "blanks, for captions that a segmenter parted by blanks before. [ptb]",
    )
