"""ExifTool writes words into files whose pixels, dates and other metadata stay as they are."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL.Image
import pytest

from data_prep.custom.keywords import Keywords, picture_keywords
from semreg_tf.annotating.embedding import EmbeddingWriter
from semreg_tf.annotating.sidecars import SidecarNames

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed"),
]
LONG = "ü" * 40


def picture(path, **options):
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(path, **options)
    return path


def row(path, *labels, text="a dög"):
    both = {"labels": list(labels), "label_probabilities": []}
    return {"file": str(path), "text": text, "concepts": [], **both}


def read(path):
    said = subprocess.run(
        ["exiftool", "-j", "-G", "-Subject", "-Keywords", "-Description", "-Orientation#", path],
        capture_output=True,
        check=True,
    )
    found = json.loads(said.stdout)[0]
    return {name: value for name, value in found.items() if name != "SourceFile"}


def pixels(path):
    return np.asarray(PIL.Image.open(path).convert("RGB"))


def written(writer, *rows):
    try:
        for each in rows:
            writer(each)
    finally:
        writer.close()
    return writer.problems


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_copy_gets_words_and_loses_nothing(tmp_path, suffix):
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    original = picture(tmp_path / f"a{suffix}", exif=exif)
    before, folder = original.read_bytes(), tmp_path / "out"
    folder.mkdir()
    names = {str(original): original.name}
    for _ in range(2):
        assert not written(EmbeddingWriter(folder, (), names), row(original, "sea", "2024", LONG))
    copy = folder / original.name
    assert original.read_bytes() == before and os.listdir(folder) == [original.name]
    found = read(copy)
    assert found["XMP:Subject"] == ["sea", 2024, LONG] and found["XMP:Description"] == "a dög"
    if suffix in (".jpg", ".tif"):
        assert found["IPTC:Keywords"] == ["sea", 2024, LONG[:32]]
    assert found["EXIF:Orientation"] == 6
    assert np.array_equal(pixels(copy), pixels(original))
    if suffix == ".jpg":
        # The compressed pixels, byte for byte.
        assert (
            copy.read_bytes()[copy.read_bytes().index(b"\xff\xda") :]
            == (before[before.index(b"\xff\xda") :])
        )
    assert copy.stat().st_mtime == pytest.approx(original.stat().st_mtime, abs=1.5)


def test_originals_are_written_only_where_asked_and_keep_their_own_words(tmp_path):
    original = picture(tmp_path / "a.jpg")
    subprocess.run(
        [
            *("exiftool", "-q", "-overwrite_original", "-XMP:Subject=Rex", "-IPTC:Keywords=Rex"),
            *("-XMP:Description=Rex in May", original),
        ],
        check=True,
    )
    assert not written(EmbeddingWriter(None, ()), row(original, "sea", "Rex"))
    found = read(original)
    assert found["XMP:Subject"] == found["IPTC:Keywords"] == ["Rex", "sea"]
    assert found["XMP:Description"] == "Rex in May"
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_odd_names_and_links_are_the_files_that_were_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = picture(tmp_path / "store.jpg")
    os.symlink("store.jpg", "link.jpg")
    names = ("lead.jpg", " lead.jpg", "#1.jpg", "-x.jpg")
    for name in names:
        shutil.copy("store.jpg", name)
    writer = EmbeddingWriter(None, ())
    assert not written(writer, *(row(name, "sea") for name in (*names, "link.jpg")))
    assert all(read(f"./{name}")["XMP:Subject"] == "sea" for name in (*names, "store.jpg"))
    assert os.path.islink("link.jpg")
    os.link("store.jpg", "hard.jpg")
    before = store.read_bytes()
    (problem,) = written(EmbeddingWriter(None, ()), row("hard.jpg", "dog"))
    assert "hard.jpg is unchanged: it has 2 names (hard links)" in problem
    assert store.read_bytes() == before and os.stat("hard.jpg").st_nlink == 2
    assert sorted(os.listdir()) == sorted([*names, "store.jpg", "link.jpg", "hard.jpg"])


def test_two_writers_of_one_picture_lose_no_word_and_leave_nothing(tmp_path):
    original = picture(tmp_path / "a.jpg")
    writers = [EmbeddingWriter(None, ()) for _ in range(2)]

    def write(number):
        return written(writers[number], *(row(original, f"w{number}{i}") for i in range(5)))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(write, range(2))) == [[], []]
    assert sorted(read(original)["XMP:Subject"]) == [f"w{k}{i}" for k in range(2) for i in range(5)]
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_preparation_reads_the_keywords_of_people_alone(tmp_path):
    original = picture(tmp_path / "a.jpg")
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-IPTC:Keywords=Rex", original])
    assert not written(EmbeddingWriter(None, ()), row(original, "sea", "Rex", LONG))
    keywords = picture_keywords(tmp_path, "a.jpg", SidecarNames(["a.jpg"]))
    assert keywords == Keywords(people=("Rex",), annotate=("sea", LONG))


def test_what_exiftool_refuses_is_told_and_left_alone(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    odd = picture(tmp_path / "-execute\n.jpg")
    kept = odd.read_bytes()
    problems = written(EmbeddingWriter(None, ()), row(bad, "sea"), row(odd, "sea"))
    assert len(problems) == 2 and "is unchanged" in problems[0] and "line break" in problems[1]
    assert bad.read_bytes() == b"no picture" and odd.read_bytes() == kept
    assert sorted(os.listdir(tmp_path)) == ["-execute\n.jpg", "bad.jpg"]


def test_without_exiftool_it_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="libimage-exiftool-perl"):
        EmbeddingWriter(None, ())
