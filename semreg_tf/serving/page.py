"""The page at `/`: one HTML file that loads nothing from outside the server."""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from semreg_tf.inference import shown_last_of
from semreg_tf.serving.served_model import ServedModel
from semreg_tf.serving.service import Service

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PLACE = "__SETUP__"
_SHOWN_TAGS = 40


def page(service: Service, examples: Sequence[str]) -> str:
    """Returns the page, which is told of the models, the limits and the examples.

    Args:
      service: the models.
      examples: names of pictures under `/examples/`.
    """
    setup = {
        "models": [describe(model) for model in service.models.values()],
        "examples": list(examples),
        "maxBodyBytes": service.limits.max_body_bytes,
        "maxImagePixels": service.limits.max_image_pixels,
    }
    html = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    # No name can end the element that holds it.
    return html.replace(_PLACE, json.dumps(setup).replace("<", "\\u003c"))


def describe(model: ServedModel) -> dict[str, Any]:
    """Returns what the page says of a model.

    Returns:
      name, version, task, data set, numbers of words and concepts, the concepts that are shown
      last, whether it has a card, and, where it takes user tags, how many it knows and the most
      frequent of them.
    """
    tags, num_tags = model.names("user_tags.txt", _SHOWN_TAGS)
    return {
        "name": model.name,
        "version": model.version,
        "task": model.info["task"],
        "dataset": model.info.get("config", {}).get("data", {}).get("dataset", ""),
        "numWords": model.names("vocabulary.txt", 0)[1],
        "shownLast": sorted(shown_last_of(model.info)),
        "numConcepts": model.names("concepts.txt", 0)[1],
        "hasCard": model.card() is not None,
        "takesTags": "serving_with_tags" in model.signatures,
        "tags": tags,
        "numTags": num_tags,
    }
