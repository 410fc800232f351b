import hashlib
import json

import pytest

from semreg_tf.files import digests

FIX = "Do this."


def test_digests_are_sha256_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc\n" * 1_000_000)
    expected = hashlib.sha256(b"abc\n" * 1_000_000).hexdigest()
    assert digests.file_digest(tmp_path / "a") == expected
    assert digests.lines_digest(["abc"] * 1_000_000) == expected
    assert digests.file_digests(tmp_path, ["a"]) == {"a": expected}


def test_an_object_survives_the_disk_and_every_change_is_seen(tmp_path):
    path = tmp_path / "state.json"
    values = digests.with_own_digest({"step": 3, "pair": ("CIDEr", 0.1), "names": {1: "é"}})
    path.write_text(json.dumps(values, indent=2))
    back = json.loads(path.read_text())
    digests.check_own_digest(back, path, "workdir", FIX)
    digests.check_own_digest(dict(reversed(back.items())), path, "workdir", FIX)
    for change in ({"step": 4}, {"pair": ["CIDEr", 0.2]}, {"sha256": "0" * 64}, {"more": None}):
        with pytest.raises(ValueError, match=r"`workdir` must hold state\.json as it was.*Do this"):
            digests.check_own_digest({**back, **change}, path, "workdir", FIX)


def test_an_object_without_a_digest_passes(tmp_path):
    digests.check_own_digest({"step": 3}, tmp_path, "workdir")
    assert digests.is_unchanged({"step": 3})


def test_a_damaged_name_of_the_digest_is_seen_where_there_are_others(tmp_path):
    values = digests.with_own_digest({"step": 3, "digests": {}})
    values["sha257"] = values.pop("sha256")
    with pytest.raises(ValueError, match="as it was written"):
        digests.check_own_digest(values, tmp_path / "state.json", "workdir")


def test_a_changed_or_missing_file_is_named(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    expected = digests.file_digests(tmp_path, ["a.txt", "b.txt"])
    digests.check_files(tmp_path, expected, "path", FIX)
    (tmp_path / "b.txt").write_text("B.txt")
    with pytest.raises(ValueError, match=r"hold b\.txt as it was written: it was changed.*Do this"):
        digests.check_files(tmp_path, expected, "path", FIX)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(ValueError, match=r"must hold a\.txt as it was written: it is missing"):
        digests.check_files(tmp_path, expected, "path", FIX)
