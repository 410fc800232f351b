"""Writes a small NUS-WIDE in the official formats, with the quirks of the real files."""

from pathlib import Path

import pytest

NUM_IMAGES = 24
FOLDERS = ("actor", "beach", "map_room")
CONCEPTS = ("sky", "map", "dog", "person")
FINAL_TAGS = ("blue", "fun", "red")


def photo_id(i):
    return str(2_124_000_000 + 7 * i)


def folder_of(i):
    return FOLDERS[i % 3]


def file_of(i):
    return f"{i:04d}_{photo_id(i)}.jpg"


def labels_of(i):
    truth = {"sky": i % 2 == 0, "map": i == 5, "dog": i % 3 == 0, "person": i % 5 == 1}
    return [concept for concept in CONCEPTS if truth[concept]]


def tags_of(i):
    """The words in All_Tags.txt: one of them is not in the final list, one is there twice."""
    return ["nikon", *(tag for k, tag in enumerate(FINAL_TAGS) if i % (k + 2) == 0), "nikon"]


def in_train(i):
    return i % 4 != 3


def write(path, lines, end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())


def row(i, mark):
    """One line of a 0/1 file, its columns parted and ended by `mark`."""
    return "".join(f"{int(tag in tags_of(i))}{mark}" for tag in FINAL_TAGS)


def write_nus_wide(folder, draw_picture, flat=()):
    """Writes lists, ground truth, tags and pictures; those of `flat` go into `images/`."""
    everything = range(NUM_IMAGES)
    parts = {
        "": everything,
        "Train": [i for i in everything if in_train(i)],
        "Test": [i for i in everything if not in_train(i)],
    }
    for part, members in parts.items():
        name = f"{part}Imagelist.txt" if part else "Imagelist.txt"
        # Windows separators and, in one list, Windows line ends.
        lines = [f"{folder_of(i)}\\{file_of(i)}" for i in members]
        write(folder / "ImageList" / name, lines, "\n" if part == "Test" else "\r\n")
        for concept in CONCEPTS:
            lines = [int(concept in labels_of(i)) for i in members]
            if part:
                path = folder / "Groundtruth" / "TrainTestLabels" / f"Labels_{concept}_{part}.txt"
            else:
                path = folder / "Groundtruth" / "AllLabels" / f"Labels_{concept}.txt"
            write(path, lines, "\r\n" if concept == "map" else "\n")
        if part:
            write(folder / "NUS_WID_Tags" / f"{part}_Tags1k.dat", [row(i, "\t") for i in members])
    tags = folder / "NUS_WID_Tags"
    write(tags / "AllTags1k.txt", [row(i, " ") for i in everything])
    write(tags / "TagList1k.txt", FINAL_TAGS, "\r\n")
    write(tags / "Final_Tag_List.txt", FINAL_TAGS, "\r\n")
    lines = [f"{photo_id(i)}      {' '.join(tags_of(i))} " for i in everything]
    write(tags / "All_Tags.txt", lines, "\r\n")
    write(folder / "ConceptsList" / "Concepts81.txt", CONCEPTS, "\r\n")
    for i in everything:
        nested = folder / "Flickr" / folder_of(i) / file_of(i)
        path = folder / "images" / f"{photo_id(i)}.jpg" if i in flat else nested
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw_picture(16 + i % 5, 16, i))
    return folder


@pytest.fixture
def nus_wide_raw_dir(tmp_path, draw_picture) -> Path:
    return write_nus_wide(tmp_path / "raw", draw_picture, flat=(1, 2))
