"""The published counts of the three sets beside those of the raw files, which shows a wrong set."""

from collections.abc import Mapping

# Counts of the lists that papers have shared since TagProp (Guillaumin et al., ICCV 2009): training
# and test images, labels, and labels per image in each part.
PUBLISHED: dict[str, dict[str, float]] = {
    "corel5k": {
        "train images": 4_500,
        "test images": 499,
        "labels": 260,
        "train labels/image": 3.38,
        "test labels/image": 3.52,
    },
    "esp_game": {
        "train images": 18_689,
        "test images": 2_081,
        "labels": 268,
        "test labels/image": 4.70,
    },
    "iapr_tc12": {
        "train images": 17_665,
        "test images": 1_962,
        "labels": 291,
        "test labels/image": 5.63,
    },
}


def describe_raw_counts(name: str, counts: Mapping[str, float]) -> str:
    """Returns a table of the raw files' counts beside the published ones of `PUBLISHED[name]`.

    Missing counts are shown as "none".
    """
    lines = [f"{'in the raw files':<24}{'found':>10}{'published':>12}"]
    for key, published in PUBLISHED[name].items():
        lines.append(f"{key:<24}{_number(counts.get(key)):>10}{_number(published):>12}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
