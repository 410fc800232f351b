import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.demo.demo_dataset_builder import Builder
from data_prep.flickr8k.flickr8k_dataset_builder import Builder as Flickr8k
from data_prep.preparation import preparation_lock, prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE, find_builder, stored_tokenizer

NUM_IMAGES = {"train": 8, "validation": 3, "test": 2}


def demo(data_dir, **changes):
    return Builder(data_dir=data_dir, **{"num_images": NUM_IMAGES, **changes})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    prepare(demo(data_dir))
    return data_dir


@pytest.fixture
def data_dir(prepared, tmp_path):
    """A copy to break."""
    shutil.copytree(prepared, tmp_path / "data")
    return tmp_path / "data"


def version_dir(data_dir):
    return data_dir / "demo" / "1.0.0"


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_prepared_folder_holds_all_that_training_reads(prepared):
    builder = find_builder(prepared, "demo")
    for split, number in NUM_IMAGES.items():
        assert len(read_annotations(builder.data_dir, split)) == number
    folder = version_dir(prepared) / "vocabulary"
    names = {"words.txt", "labels.txt", "user_tags.txt", "groups.txt"}
    assert {path.name for path in folder.iterdir()} == names


def test_a_second_start_only_prints_the_counts(data_dir, capsys):
    before = files(version_dir(data_dir))
    prepare(demo(data_dir))
    assert files(version_dir(data_dir)) == before
    output = capsys.readouterr().out
    assert "train" in output
    assert "Prepared in" in output


@pytest.mark.parametrize("lost", [[COUNTS_FILE], [COUNTS_FILE, "vocabulary", "annotations"]])
def test_a_second_start_finishes_what_comes_after_the_shards(data_dir, lost):
    folder = version_dir(data_dir)
    for name in lost:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ValueError, match="interrupted"):
        find_builder(data_dir, "demo")
    shards = {p: t for p, t in files(folder).items() if ".tfrecord" in p.name}
    prepare(demo(data_dir))
    assert find_builder(data_dir, "demo").info.splits["train"].num_examples == 8
    assert shards.items() <= files(folder).items()


# Draws scenes until it is killed, as by an administrator or a full memory.
_KILLED_RUN = """
import os, signal, sys
from data_prep.demo import demo_dataset_builder as demo
from data_prep.preparation import preparation_lock, prepare
drawn = iter(range(6))
draw_scene = demo.draw_scene
def draw_or_die(*args):
    if next(drawn, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw_scene(*args)
demo.draw_scene = draw_or_die
prepare(demo.Builder(data_dir=sys.argv[1], num_images={"train": 8, "validation": 3, "test": 2}))
"""


def test_a_second_start_after_kill_9_finishes_the_job(tmp_path, prepared):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED_RUN, tmp_path], env=environment, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert list((tmp_path / "demo").glob("incomplete.*"))
    with pytest.raises(ValueError, match="interrupted"):
        find_builder(tmp_path, "demo")
    prepare(demo(tmp_path))
    assert not list((tmp_path / "demo").glob("incomplete.*"))
    # What the finished job made is what an undisturbed one makes, byte for byte.
    for split in NUM_IMAGES:
        name = f"annotations/{split}.jsonl"
        ours, theirs = version_dir(tmp_path) / name, version_dir(prepared) / name
        assert ours.read_bytes() == theirs.read_bytes()


def test_two_preparations_at_once_are_refused(data_dir):
    refused = pytest.raises(ValueError, match=r"`data_dir` must not be in use.*process \d+ on")
    with preparation_lock(version_dir(data_dir)), refused:
        prepare(demo(data_dir))
    prepare(demo(data_dir))


def test_shards_of_other_parameters_are_refused(data_dir):
    with pytest.raises(ValueError, match=r"holds 'demo' prepared with .*'shorter_side': None"):
        prepare(demo(data_dir, shorter_side=32))


def test_shards_of_before_there_was_a_choice_of_tokens_stay_as_they_are(data_dir, capsys):
    path = version_dir(data_dir) / "metadata.json"
    metadata = json.loads(path.read_text())
    assert metadata["parameters"].pop("tokenizer") == "ptb"
    path.write_text(json.dumps(metadata))
    # Nor were there digests.
    path = version_dir(data_dir) / COUNTS_FILE
    counts = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in counts.items() if k not in ("digests", "sha256")}))
    assert stored_tokenizer(find_builder(data_dir, "demo")) == "treebank"
    prepare(demo(data_dir))
    prepare(demo(data_dir, tokenizer="treebank"))
    with pytest.raises(ValueError, match=r"prepared with .*'tokenizer': 'treebank'"):
        prepare(demo(data_dir, tokenizer="ptb"))


def test_an_unknown_tokenizer_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`tokenizer` must be one of 'ptb'"):
        demo(tmp_path, tokenizer="words")


def flickr8k_counts(raw_dir, tmp_path, **changes):
    prepare(Flickr8k(data_dir=tmp_path / "data", **changes), raw_dir)
    path = tmp_path / "data" / "flickr8k" / "1.0.0" / COUNTS_FILE
    return json.loads(path.read_text())


def test_flickr8k_skips_and_counts_what_cannot_be_used(
    flickr8k_raw_dir, tmp_path, draw_picture, capsys
):
    images = flickr8k_raw_dir / "Flicker8k_Dataset"
    (images / "1000_0000.jpg").unlink()
    (images / "1001_0001.jpg").write_bytes((images / "1001_0001.jpg").read_bytes()[:200])
    (images / "1002_0002.jpg").write_bytes(draw_picture(9, 9, 5, "PNG"))
    (flickr8k_raw_dir / "Flickr_8k.testImages.txt").unlink()
    with open(flickr8k_raw_dir / "Flickr8k.token.txt", "a") as f:
        f.write("1003_0003.jpg#5\t  \n")
    counts = flickr8k_counts(flickr8k_raw_dir, tmp_path)
    assert {split: n["images"] for split, n in counts["splits"].items()} == {
        "train": 3,
        "validation": 2,
    }
    assert counts["splits"]["train"]["captions"] == 15
    assert counts["notes"] == {
        "broken name in the token file": ["2258_586949ec62.jpg.1"],
        "image in no split": ["1007_0007.jpg", "1008_0008.jpg"],
        "split left out, its list is missing": ["Flickr_8k.testImages.txt"],
        "image missing": ["1000_0000.jpg"],
        "image corrupt": ["1001_0001.jpg"],
        "image converted (no RGB or grey JPEG)": ["1002_0002.jpg"],
        "caption empty": ["1003_0003.jpg"],
    }
    assert "image corrupt: 1 (1001_0001.jpg)" in capsys.readouterr().out


def test_flickr8k_keeps_the_official_splits(flickr8k_raw_dir, tmp_path):
    flickr8k_counts(flickr8k_raw_dir, tmp_path)
    builder = find_builder(tmp_path / "data", "flickr8k")
    ids = {
        split: {a.image_id for a in read_annotations(builder.data_dir, split)}
        for split in builder.info.splits
    }
    assert ids == {
        "train": {f"{1000 + i}_{i:04x}" for i in range(5)},
        "validation": {"1005_0005", "1006_0006"},
        "test": {"1007_0007"},
    }
    first = next(
        a for a in read_annotations(builder.data_dir, "train") if a.image_id == "1001_0001"
    )
    assert first.captions[2] == "A dog , number 1 , runs far far ."
    assert first.tokens[0] == ("a", "dog", ",", "number", "1", ",", "runs", ".")


def test_pictures_can_be_stored_smaller(flickr8k_raw_dir, tmp_path, draw_picture):
    path = flickr8k_raw_dir / "Flicker8k_Dataset" / "1000_0000.jpg"
    path.write_bytes(draw_picture(90, 60, 3))
    flickr8k_counts(flickr8k_raw_dir, tmp_path, shorter_side=24)
    builder = find_builder(tmp_path / "data", "flickr8k")
    shapes = {r["image_id"].numpy(): r["image"].shape for r in builder.as_dataset(split="train")}
    assert shapes[b"1000_0000"] == (24, 36, 3)
    assert shapes[b"1001_0001"] == (10, 13, 3)


def test_flickr8k_without_its_files_leaves_nothing(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(ValueError, match=r"there is no Flickr8k.token.txt, Flicker8k_Dataset, F"):
        prepare(Flickr8k(data_dir=tmp_path / "data"), tmp_path / "raw")
    with pytest.raises(ValueError, match="nothing is prepared there"):
        find_builder(tmp_path / "data", "flickr8k")


def test_a_split_without_a_picture_is_refused(flickr8k_raw_dir, tmp_path):
    for i in (5, 6):
        (flickr8k_raw_dir / "Flicker8k_Dataset" / f"{1000 + i}_{i:04x}.jpg").unlink()
    with pytest.raises(ValueError, match=r"none of 'validation' is there and whole"):
        prepare(Flickr8k(data_dir=tmp_path / "data"), flickr8k_raw_dir)
    with pytest.raises(ValueError, match="nothing is prepared there"):
        find_builder(tmp_path / "data", "flickr8k")


def test_an_image_in_two_splits_is_refused(flickr8k_raw_dir, tmp_path):
    with open(flickr8k_raw_dir / "Flickr_8k.devImages.txt", "a") as f:
        f.write("1000_0000.jpg\n")
    with pytest.raises(ValueError, match=r"'1000_0000.jpg' in Flickr_8k.trainImages.txt and Fl"):
        prepare(Flickr8k(data_dir=tmp_path / "data"), flickr8k_raw_dir)


def test_a_side_too_short_for_any_encoder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`shorter_side` must be at least 16.*=8"):
        Flickr8k(data_dir=tmp_path, shorter_side=8)


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path, prepared):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=r"`data_dir` could not take the data set: make") as told:
            prepare(demo(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(told.value)
    prepare(demo(tmp_path))
    for split in NUM_IMAGES:
        name = f"annotations/{split}.jsonl"
        ours, theirs = version_dir(tmp_path) / name, version_dir(prepared) / name
        assert ours.read_bytes() == theirs.read_bytes()
