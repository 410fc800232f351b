"""Limits that no request could meet are refused when they are set."""

import pytest

from semreg_tf.serving.limits import Limits, Refusal


@pytest.mark.parametrize("name", ["max_body_bytes", "max_image_pixels", "max_images", "body_secs"])
def test_a_limit_is_at_least_one(name):
    with pytest.raises(ValueError, match=rf"`{name}` must be at least 1\. Received: {name}=0"):
        Limits(**{name: 0})


def test_the_queue_holds_the_largest_request():
    with pytest.raises(ValueError, match=r"`max_queue_images` must be at least `max_images`, 64"):
        Limits(max_queue_images=63)
    with pytest.raises(ValueError, match="`max_held_bytes` must be at least `max_body_bytes`"):
        Limits(max_held_bytes=1000)


def test_a_refusal_says_when_to_come_back_in_whole_seconds():
    assert Refusal(429, "busy", 1.2).headers == {"Retry-After": "2"}
    assert Refusal(429, "busy", 0.0).headers == {"Retry-After": "1"}
    assert Refusal(413, "large").headers == {}
