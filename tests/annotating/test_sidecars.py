"""Sidecars lie where photo programs look, and a picture is never touched."""

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


def test_without_lxml_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "semreg_tf.annotating.xmp_packet", None)
    with pytest.raises(ValueError, match=r"pip install 'semreg_tf\[xmp\]'"):
        SidecarWriter(())
