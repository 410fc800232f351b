"""The web page at `/`: one HTML file that loads nothing from outside the server."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from semreg_tf.files.export_info import TAG_ASSETS
from semreg_tf.image_annotation import shown_last_of, tasks_of
from semreg_tf.serving.openapi import describe_api
from semreg_tf.serving.served_model import ServedModel
from semreg_tf.serving.service import Service

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    # For browsers without frame-ancestors.
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PLACEHOLDER = "__SETUP__"
SHOWN_TAGS = 40


def page(service: Service, examples: Sequence[str]) -> str:
    """Returns the page with data on the models, the limits and the pictures under `/examples/`."""
    setup = {
        "models": [describe(model) for model in service.models.values()],
        "examples": list(examples),
        "endpoints": _endpoints(service),
        "maxBodyBytes": service.limits.max_body_bytes,
        "maxImagePixels": service.limits.max_image_pixels,
    }
    return fill_page(setup)


def fill_page(setup: Mapping[str, Any], head: str = "") -> str:
    """Returns the page with what its script reads, and more elements at the end of its head."""
    html = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    # Escaped, so that no name can end the script element.
    html = html.replace(_PLACEHOLDER, json.dumps(setup).replace("<", "\\u003c"))
    return html.replace("</head>", f"{head}</head>", 1)


def _endpoints(service: Service) -> list[dict[str, str]]:
    """Returns method, path and summary of every route."""
    return [
        {"method": method.upper(), "path": path, "summary": operation["summary"]}
        for path, item in describe_api(service)["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def describe(model: ServedModel) -> dict[str, Any]:
    """Returns a model's data for the page.

    Returns:
      Name, version, tasks, data set, numbers of words, labels and concepts, concepts that are
      shown last, whether it has a card and reads user tags, the number of its user tags and the
      most frequent ones.
    """
    tasks = tasks_of(model.info)
    # An export of two runs has the tag model's names in a separate folder.
    tag_folder = f"{TAG_ASSETS}/" if len(tasks) > 1 else ""
    words, labels = model.names("vocabulary.txt", 0)[1], 0
    if "tags" in tasks:
        labels = model.names(f"{tag_folder}vocabulary.txt", 0)[1]
    tags, num_tags = model.names("user_tags.txt", SHOWN_TAGS)
    if not tags and tag_folder:
        tags, num_tags = model.names(f"{tag_folder}user_tags.txt", SHOWN_TAGS)
    return {
        "name": model.name,
        "version": model.version,
        "tasks": list(tasks),
        "dataset": model.info.get("config", {}).get("data", {}).get("dataset", ""),
        "numWords": words if "captions" in tasks else 0,
        "numLabels": labels,
        "shownLast": sorted(shown_last_of(model.info)),
        "numConcepts": model.names("concepts.txt", 0)[1],
        "hasCard": model.card() is not None,
        "takesTags": "serving_with_tags" in model.signatures,
        "tags": tags,
        "numTags": num_tags,
    }
