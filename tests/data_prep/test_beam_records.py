import json
import shutil
import sys
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from data_prep.beam_records import (
    pipeline_options,
    read_notes,
    read_raw_examples,
    write_raw_examples,
)
from data_prep.flickr8k.flickr8k_dataset_builder import Builder
from data_prep.nus_wide.nus_wide_dataset_builder import Builder as NusWide
from data_prep.preparation import prepare
from data_prep.raw_examples import RawExample
from semreg_tf.data.records import find_builder

NUS_WIDE_DIR = Path(__file__).parents[2] / "data_prep" / "nus_wide" / "dummy_data"


def test_raw_examples_come_back_by_the_thousand(tmp_path):
    raws = [
        RawExample(
            str(i), tmp_path / f"{i}.jpg", f"{i}.jpg", ("A dög.\u2028B",), ("x",), (), ("y", "z")
        )
        for i in range(2_001)
    ]
    paths = write_raw_examples(tmp_path / "work", "train", 4, iter(raws))
    assert [Path(path).name for path in paths] == [
        "train-000000.jsonl",
        "train-000001.jsonl",
        "train-000002.jsonl",
    ]
    back = [item for path in paths for item in read_raw_examples(path)]
    assert [place for place, _ in back] == [(4, i) for i in range(2_001)]
    assert back[5][1] == RawExample(
        "5", str(tmp_path / "5.jpg"), "5.jpg", ("A dög.\u2028B",), ("x",), (), ("y", "z")
    )
    assert len(list(read_raw_examples(paths[2]))) == 1


def test_no_raw_examples_are_no_file(tmp_path):
    assert write_raw_examples(tmp_path / "work", "train", 0, []) == []


def test_notes_come_in_the_order_of_the_splits(tmp_path):
    lines = {
        "notes-test-00000-of-00001": [[1, 0, 0, "missing", "d"]],
        "notes-train-00001-of-00002": [[0, 2, 1, "empty", "b"], [0, 2, 0, "missing", "b"]],
        "notes-train-00000-of-00002": [[0, 10, 0, "missing", "c"], [0, 1, 0, "missing", "a"]],
        "train-000000.jsonl": [[0, 0, {}]],
    }
    for name, values in lines.items():
        (tmp_path / name).write_text("".join(f"{json.dumps(value)}\n" for value in values))
    assert read_notes(tmp_path) == [
        ("missing", "a"),
        ("missing", "b"),
        ("empty", "b"),
        ("missing", "c"),
        ("missing", "d"),
    ]


def test_beam_must_be_installed_and_its_runner_named(monkeypatch):
    with pytest.raises(ValueError, match=r"must name a runner: .*=\['runer=DirectRunner'\]"):
        pipeline_options(["--runer=DirectRunner"])
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    needed = r"needs Apache Beam: pip install -c constraints.txt -e '.\[beam\]'. Rec"
    with pytest.raises(ValueError, match=needed):
        pipeline_options(["runner=DirectRunner"])


def contents(data_dir, name):
    """Returns all records of a data set by split, in order, and all its small files."""
    folder = Path(find_builder(data_dir, name).data_dir)
    builder = tfds.builder_from_directory(folder)
    records = {
        split: [
            {k: v.tolist() if k == "image" else str(v) for k, v in record.items()}
            for record in builder.as_dataset(split=split).as_numpy_iterator()
        ]
        for split in builder.info.splits
    }
    small = {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".tfrecord" not in path.name
    }
    return records, small


def prepare_both_ways(make_builder, raw_dir, tmp_path, name):
    pytest.importorskip("apache_beam", reason="needs the extra `beam`")
    for way, options in (("here", ()), ("beam", ("runner=DirectRunner", "direct_num_workers=1"))):
        prepare(make_builder(tmp_path / way), raw_dir, options)
    assert not list((tmp_path / "beam").rglob("incomplete.*"))
    return contents(tmp_path / "here", name), contents(tmp_path / "beam", name)


@pytest.mark.large
def test_beam_makes_what_this_machine_makes(flickr8k_raw_dir, tmp_path, draw_picture):
    images = flickr8k_raw_dir / "Flicker8k_Dataset"
    (images / "1000_0000.jpg").unlink()
    (images / "1001_0001.jpg").write_bytes((images / "1001_0001.jpg").read_bytes()[:200])
    (images / "1002_0002.jpg").write_bytes(draw_picture(50, 40, 5, "PNG"))
    with open(flickr8k_raw_dir / "Flickr8k.token.txt", "a") as file:
        file.write("1003_0003.jpg#5\t  \n")

    def builder(data_dir):
        return Builder(data_dir=data_dir, shorter_side=16)

    here, beam = prepare_both_ways(builder, flickr8k_raw_dir, tmp_path, "flickr8k")
    assert beam[0] == here[0]
    assert len(here[0]["train"]) == 3
    for small in (here[1], beam[1]):
        small["counts"] = json.loads(small.pop("dataset_counts.json"))
        small["metadata"] = json.loads(small.pop("metadata.json"))
    assert beam[1] == here[1]
    assert beam[1]["counts"]["notes"]["caption empty"] == ["1003_0003.jpg"]


@pytest.mark.large
def test_a_builder_with_large_tables_runs_on_beam_too(tmp_path):
    here, beam = prepare_both_ways(
        lambda data_dir: NusWide(data_dir=data_dir), NUS_WIDE_DIR, tmp_path, "nus_wide"
    )
    assert beam == here


@pytest.mark.large
def test_beam_after_a_killed_run(tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra `beam`")
    left = tmp_path / "nus_wide" / "incomplete.beam_1.0.0"
    left.mkdir(parents=True)
    (left / "notes-train-00000-of-00001").write_text('[0, 0, 0, "image missing", "old.jpg"]\n')
    prepare(NusWide(data_dir=tmp_path), NUS_WIDE_DIR, ("runner=DirectRunner",))
    counts = json.loads((tmp_path / "nus_wide" / "1.0.0" / "dataset_counts.json").read_text())
    assert counts["notes"] == {}


@pytest.mark.large
def test_a_split_without_a_picture_stops_beam(tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra `beam`")
    shutil.copytree(NUS_WIDE_DIR, tmp_path / "raw")
    for folder in ("Flickr", "images"):
        shutil.rmtree(tmp_path / "raw" / folder)
    builder = NusWide(data_dir=tmp_path / "data", min_share=0)
    with pytest.raises(ValueError, match="none of 'train' is there and whole"):
        prepare(builder, tmp_path / "raw", ("runner=DirectRunner",))
    assert not list((tmp_path / "data").rglob("incomplete.beam*"))
