"""Writes folders of one's own pictures as users would: by hand, quirks included."""

from pathlib import Path

import pytest


@pytest.fixture
def own_folder(tmp_path, draw_picture):
    """Makes a folder of named pictures and writes bytes as its annotation file."""

    def make(names: dict[str, str], annotations: bytes, file_name="annotations.jsonl") -> Path:
        folder = tmp_path / "pictures"
        for number, (name, image_format) in enumerate(names.items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw_picture(20 + number, 18, number, image_format))
        (folder / file_name).write_bytes(annotations)
        return folder

    return make
