"""File names of a study's systems."""

import re


def file_name(system: str) -> str:
    """Returns a file name for a system: "captions, NIC-F" -> "captions_nic-f"."""
    return re.sub(r"[^a-z0-9.-]+", "_", system.lower()).strip("_")
