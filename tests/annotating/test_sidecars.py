"""Sidecars lie where photo programs look, and a picture is never touched."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from semreg_tf.annotating.sidecars import SidecarNames, SidecarWriter


def row(path, *labels):
    return {"file": str(path), "text": ", ".join(labels), "labels": list(labels), "concepts": []}


@pytest.mark.parametrize(
    "picture, beside, name",
    [
        ("a.jpg", ["a.jpg"], "a.xmp"),
        ("a.jpg", ["a.jpg", "a.xmp", "a.txt", "b.png"], "a.xmp"),
        ("a.jpg", ["a.jpg", "A.HEIC"], "a.jpg.xmp"),
        ("a.jpg", ["a.jpg", "a.xmp", "a.jpg.xmp"], "a.jpg.xmp"),
        ("a.jpg", ["a.jpg", "a.XMP"], "a.XMP"),
        ("a.jpg", ["a.jpg", "a.png", "a.jpg.XMP"], "a.jpg.XMP"),
        ("a.b.jpg", ["a.b.jpg", "a.jpg"], "a.b.xmp"),
    ],
)
def test_a_sidecar_has_the_name_that_programs_look_for(picture, beside, name):
    assert SidecarNames(beside).name(picture) == name


def test_pictures_and_other_sidecars_stay_as_they_are(tmp_path):
    for name in ("a.jpg", "b.jpg", "b.png", "c.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "c.xmp").write_bytes(b"no XMP")
    write = SidecarWriter(())
    for name in ("a.jpg", "b.jpg", "b.png", "c.jpg"):
        write(row(tmp_path / name, "sea"))
    write({"file": str(tmp_path / "d.jpg"), "error": "damaged"})
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("a.jpg", "a.xmp", "b.jpg", "b.jpg.xmp", "b.png", "b.png.xmp", "c.jpg", "c.xmp")
    ]
    for path in tmp_path.iterdir():
        if path.suffix != ".xmp":
            assert path.read_bytes() == path.name.encode()
    assert (tmp_path / "c.xmp").read_bytes() == b"no XMP"
    assert write.problems == [
        f"{tmp_path / 'c.xmp'} is unchanged: it is not XML: Start tag expected, '<' not found, "
        "line 1, column 1"
    ]
    before = (tmp_path / "a.xmp").stat().st_mtime_ns, (tmp_path / "a.xmp").read_bytes()
    SidecarWriter(())(row(tmp_path / "a.jpg", "sea"))
    assert ((tmp_path / "a.xmp").stat().st_mtime_ns, (tmp_path / "a.xmp").read_bytes()) == before


def test_existing_sidecars_in_capitals_and_links_are_merged(tmp_path):
    SidecarWriter(())(row(tmp_path / "a.jpg", "sea"))
    (tmp_path / "a.xmp").rename(tmp_path / "A.XMP")
    (tmp_path / "b.xmp").symlink_to("A.XMP")
    write = SidecarWriter(())
    write(row(tmp_path / "A.jpg", "dog"))
    assert b"dog" in (tmp_path / "A.XMP").read_bytes()
    write(row(tmp_path / "b.jpg", "cat"))
    assert (tmp_path / "b.xmp").is_symlink() and b"cat" in (tmp_path / "A.XMP").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["A.XMP", "b.xmp"]


def test_a_sidecar_that_a_later_picture_shares_keeps_only_people_s_words(tmp_path):
    (tmp_path / "a.jpg").touch()
    captioned = {"text": "an old dog", "concepts": [["old", 0.9]]}
    SidecarWriter(())({"file": str(tmp_path / "a.jpg"), **captioned})
    old = (tmp_path / "a.xmp").read_bytes()
    (tmp_path / "a.xmp").write_bytes(
        old.replace(b"<rdf:li>old</rdf:li>", b"<rdf:li>Rex</rdf:li><rdf:li>old</rdf:li>", 1)
    )
    (tmp_path / "a.png").touch()
    write = SidecarWriter(())
    write(row(tmp_path / "a.jpg", "new"))
    shared = (tmp_path / "a.xmp").read_bytes()
    assert b"Rex" in shared and b"old" not in shared and b"semreg:" not in shared
    assert b"new" in (tmp_path / "a.jpg.xmp").read_bytes()
    write(row(tmp_path / "a.png", "other"))
    assert (tmp_path / "a.xmp").read_bytes() == shared and not write.problems


def test_two_writers_of_a_sidecar_leave_it_whole(tmp_path):
    sidecar = tmp_path / "a.xmp"
    (tmp_path / "a.jpg").write_bytes(b"")
    writers = [SidecarWriter(()) for _ in range(2)]

    def write(number):
        for i in range(8):
            writers[number](row(tmp_path / "a.jpg", *(f"{number}-{i}-{j}" for j in range(99))))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert [writer.problems for writer in writers] == [[], []]
    content = sidecar.read_bytes()
    assert content.rstrip().endswith(b'<?xpacket end="w"?>')
    assert content.count(b"-7-98</rdf:li>") == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg", "a.xmp"]


def test_without_lxml_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "semreg_tf.annotating.xmp_packet", None)
    with pytest.raises(ValueError, match=r"pip install -e '.\[xmp\]'"):
        SidecarWriter(())
