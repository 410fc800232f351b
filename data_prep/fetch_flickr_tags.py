"""Fetches the Flickr user tags of COCO's photos, as a JSON Lines file for `prepare_coco_tags`.

A=downloads/coco/annotations
FLICKR_API_KEY=... python -m data_prep.fetch_flickr_tags --output=downloads/coco/user_tags.jsonl \
    --annotations=$A/instances_train2014.json,$A/instances_val2014.json

At Flickr's limit of 3,600 requests per hour, COCO's 123,287 photos take 34 hours. The program can
be stopped at any time; the same command continues.
"""

import os
from collections.abc import Sequence

from absl import flags

from cli import program
from data_prep.coco_tags.flickr_client import BASE_URL, FlickrClient
from data_prep.coco_tags.tag_fetching import fetch_user_tags, read_photo_ids
from semreg_tf.console import plain_errors

_ANNOTATIONS = flags.DEFINE_list(
    "annotations", None, "COCO annotation files, comma-separated.", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "JSON Lines file to write; an existing one is continued.", required=True
)
_API_KEY = flags.DEFINE_string(
    "api_key", None, "Your Flickr API key. FLICKR_API_KEY is safer: process lists do not show it."
)
_REQUESTS_PER_HOUR = flags.DEFINE_float(
    "requests_per_hour", 3_600, "Maximum number of requests per hour."
)
_BASE_URL = flags.DEFINE_string(
    "base_url", BASE_URL, "Address of Flickr's REST API, or of a compatible one."
)
_TIMEOUT_SECS = flags.DEFINE_float("timeout_secs", 30.0, "Maximum time to wait for an answer.")


def main(argv: Sequence[str]) -> None:
    """Fetches the tags and prints the counts."""
    with plain_errors():
        client = FlickrClient(
            _API_KEY.value or os.environ.get("FLICKR_API_KEY"),
            _BASE_URL.value,
            requests_per_hour=_REQUESTS_PER_HOUR.value,
            timeout_secs=_TIMEOUT_SECS.value,
        )
        photo_ids = read_photo_ids(_ANNOTATIONS.value)
        print(fetch_user_tags(photo_ids, client.tags, _OUTPUT.value))


if __name__ == "__main__":
    program.run(main, stopped="Stopped; the same command continues from here.")
