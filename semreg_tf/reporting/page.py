"""A self-contained HTML page."""

from collections.abc import Sequence

from semreg_tf.reporting.markup import Element, element, to_html
from semreg_tf.reporting.style import style_sheet


def page(title: str, parts: Sequence[tuple[str, list[Element]]]) -> str:
    """Returns a page as HTML, of parts with a name for the table of contents and their elements.

    The first element of each part has an id.
    """
    links = []
    for name, elements in parts:
        links.append(element("li", element("a", name, href=f"#{elements[0].get('id')}")))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style_sheet()),
    )
    body = element(
        "body",
        element("header", element("h1", title), element("nav", element("ul", links))),
        element("main", [element("section", elements) for _, elements in parts]),
    )
    return f"<!DOCTYPE html>\n{to_html(element('html', head, body, lang='en'))}\n"
