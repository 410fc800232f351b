"""HTML elements from plain values; the standard library's serialiser escapes every text."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import Any

Element = ElementTree.Element
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def element(tag: str, *children: Any, **attributes: Any) -> Element:
    """Builds an element.

    Args:
      tag: its name.
      *children: strings, elements, or iterables of them; None is left out.
      **attributes: `cls` stands for `class` and `_` for `-`; None is left out.

    Returns:
      The element.

    Example:
      >>> to_html(element("p", "a < b ", element("b", "c"), cls="note"))
      '<p class="note">a &lt; b <b>c</b></p>'
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            name = {"cls": "class"}.get(name, name.rstrip("_").replace("_", "-"))
            made.set(name, _printable(str(value)))
    _extend(made, children)
    return made


def _extend(parent: Element, children: Iterable[Any]) -> None:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            parent.append(child)
        elif not isinstance(child, str) and isinstance(child, Iterable):
            _extend(parent, child)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + _printable(str(child))
        else:
            parent.text = (parent.text or "") + _printable(str(child))


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def to_html(root: Element) -> str:
    """Returns an element as HTML."""
    return ElementTree.tostring(root, encoding="unicode", method="html")


def folded(summary: str, *content: Any) -> Element:
    """Builds a box of which a click on its summary shows the content."""
    return element("details", element("summary", summary), content, cls="more")


def table(
    header: Iterable[Any], rows: Iterable[Iterable[Any]], caption: str, cls: str | None = None
) -> Element:
    """Builds a table whose first column heads its rows, in a box that scrolls sideways.

    Args:
      header: one cell a column.
      rows: cells, each a string, an element to stand in a cell, or a `td` of its own.
      caption: said above the table.
      cls: class of the table.

    Returns:
      The box.
    """
    head = element("tr", [element("th", cell, scope="col") for cell in header])
    body = []
    for first, *rest in rows:
        cells = [c if isinstance(c, Element) and c.tag == "td" else element("td", c) for c in rest]
        body.append(element("tr", element("th", first, scope="row"), cells))
    made = element(
        "table",
        # The inner box wraps at the screen where the table is wider.
        element("caption", element("span", caption)),
        element("thead", head),
        element("tbody", body),
        cls=cls,
    )
    # A box that scrolls must be reachable by keyboard.
    return element("div", made, cls="scroll", tabindex="0", role="region", aria_label=caption)
