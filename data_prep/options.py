"""Declarations of the options with which data sets are prepared.

They are separate from the builders, which import TensorFlow, so that `--help` is fast.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from semreg_tf.data.text import TOKENIZERS


@dataclass(frozen=True)
class Option:
    """A flag of a data set's preparation, and the builder's argument of the same name.

    Attributes:
      name: the name of flag and argument.
      default: the default value, whose type is the flag's.
      help: the flag's help.
      choices: the allowed values; empty: any.
      required: whether the flag is required.
      is_variant: whether it chooses one of the builder's `VARIANTS`; the default is then the main
        variant, which has no name.
    """

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False
    is_variant: bool = False


# An option of all data sets with captions.
TOKENIZER = Option(
    "tokenizer",
    None,
    "Tokenizer of captions: ptb, the tokens of the COCO evaluation; treebank, as in im2txt; "
    "characters, each letter of a script written without blanks is a token; blanks, for captions "
    "whose tokens a segmenter separated by blanks. [ptb]",
    TOKENIZERS,
)


@dataclass(frozen=True)
class DatasetOptions:
    """A data set that can be prepared.

    Attributes:
      name: the data set's name.
      summary: a one-line description.
      raw_files: description of the folder `--raw_dir`; None: the data set is generated.
      options: its options, in addition to those of all data sets.
    """

    name: str
    summary: str
    raw_files: str | None = None
    options: tuple[Option, ...] = ()

    def builder_class(self) -> Any:
        """Imports the builder, which imports TensorFlow."""
        module = f"data_prep.{self.name}.{self.name}_dataset_builder"
        return importlib.import_module(module).Builder
