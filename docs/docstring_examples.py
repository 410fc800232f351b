"""Griffe extension: the section `Example:` of a docstring is shown as code.

Griffe reads examples from a section called `Examples:` alone.
"""

from typing import Any

import griffe


class DocstringExamples(griffe.Extension):
    """Renames the section in each docstring that is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Renames the section in one object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
