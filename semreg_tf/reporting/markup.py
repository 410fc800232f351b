"""HTML elements from plain values. The standard library's serialiser escapes all text."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import Any

Element = ElementTree.Element
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def element(tag: str, *children: Any, **attributes: Any) -> Element:
    """Builds an element.

    Args:
      tag: the tag's name.
      *children: strings, elements, or iterables of them; None is ignored.
      **attributes: attributes, with `cls` for `class` and `_` for `-`; None is ignored.

    Example:
      >>> to_html(element("p", "a < b ", element("b", "c"), cls="note"))
      '<p class="note">a &lt; b <b>c</b></p>'
    """
    built = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            name = {"cls": "class"}.get(name, name.rstrip("_").replace("_", "-"))
            built.set(name, _printable(str(value)))
    _extend(built, children)
    return built


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
    """Builds a box that shows its content after a click on its summary."""
    return element("details", element("summary", summary), content, cls="more")


def table(
    header: Iterable[Any], rows: Iterable[Iterable[Any]], caption: str, cls: str | None = None
) -> Element:
    """Builds a table, whose first column has row headers, in a box that scrolls sideways.

    Args:
      header: one cell per column.
      rows: cells of each row: strings, elements to put into a cell, or `td` elements.
      caption: caption above the table.
      cls: CSS class of the table.
    """
    head = element("tr", [element("th", cell, scope="col") for cell in header])
    body = []
    for first, *rest in rows:
        cells = [c if isinstance(c, Element) and c.tag == "td" else element("td", c) for c in rest]
        body.append(element("tr", element("th", first, scope="row"), cells))
    built = element(
        "table",
        # The inner box wraps the caption at the screen's width if the table is wider.
        element("caption", element("span", caption)),
        element("thead", head),
        element("tbody", body),
        cls=cls,
    )
    # A box that scrolls must be reachable by keyboard.
    return element("div", built, cls="scroll", tabindex="0", role="region", aria_label=caption)
