"""What a data set's preparation can be asked for, declared beside its builder.

It imports nothing that is slow, so that `--help` is quick: a builder's module imports TensorFlow.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from semreg_tf.data.text import TOKENIZERS


@dataclass(frozen=True)
class Option:
    """A flag of a data set's preparation, which is the builder's argument of that name as well.

    Attributes:
      name: of the flag and of the argument.
      default: its value where none is given; its type is the flag's.
      help: what the flag means.
      choices: the values allowed; empty: any.
      required: whether it must be given.
      is_variant: whether it chooses one of the builder's `VARIANTS`. A default is then the data
        set's main form, which has no name of its own.
    """

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False
    is_variant: bool = False


# Of the data sets with captions.
TOKENIZER = Option(
    "tokenizer",
    None,
    "How captions become tokens: ptb, the tokens that the COCO evaluation compares; treebank, as "
    "in im2txt; characters, each letter of a script written without blanks by itself; blanks, for "
    "captions that a segmenter parted by blanks before. [ptb]",
    TOKENIZERS,
)


@dataclass(frozen=True)
class DatasetOptions:
    """A data set that can be prepared.

    Attributes:
      name: of the data set.
      summary: one line.
      raw_files: what the folder `--raw_dir` must hold; None: the data set is drawn.
      options: beside those that all have.
    """

    name: str
    summary: str
    raw_files: str | None = None
    options: tuple[Option, ...] = ()

    def builder_class(self) -> Any:
        """Imports the builder, and TensorFlow with it."""
        module = f"data_prep.{self.name}.{self.name}_dataset_builder"
        return importlib.import_module(module).Builder
