import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_prep.coco_tags.flickr_client import FlickrClient
from data_prep.coco_tags.tag_fetching import FetchSummary, fetch_user_tags, read_photo_ids
from data_prep.coco_tags.user_tags_file import PhotoTags, read_user_tags
from semreg_tf.files.file_lock import FileLock

ROOT = Path(__file__).parents[3]
PHOTO_IDS = {str(i): f"{i}77" for i in range(1, 9)}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out" / "tags.jsonl"


@pytest.fixture
def ask(flickr):
    return FlickrClient("key", flickr.base_url, 3_600_000, sleep=lambda secs: None).tags


def test_photo_ids_come_from_the_addresses_on_flickr(tmp_path, write_coco):
    path = write_coco(tmp_path, "instances", "train2014", [9, 25, 30], [])
    other = write_coco(tmp_path, "captions", "val2014", [42], [])
    text = path.read_text().replace("/3077_84c1fdb8d6_z.jpg", "/gone.jpg")
    path.write_text(text.replace("/2577_84c1fdb8d6_z.jpg", "/2577_84c1fdb8d6.jpg"))
    assert read_photo_ids([path, other]) == {"9": "977", "25": "2577", "30": None, "42": "4277"}
    with pytest.raises(ValueError, match=r"`annotations` must be COCO annotation files.*nowhere"):
        read_photo_ids([tmp_path / "nowhere.json"])


def test_all_photos_are_asked_for_once_and_recorded_in_order(flickr, ask, output):
    flickr.script["377"] = [flickr.fail(1, "Photo not found")]
    flickr.script["477"] = [flickr.tags_answer("477")]
    photo_ids = PHOTO_IDS | {"9": None}
    summary = fetch_user_tags(photo_ids, ask, output)
    assert summary == FetchSummary(with_tags=6, without_tags=1, dead=2, later=0)
    assert str(summary).startswith("6 photos with tags, 1 without, 2 gone")
    entries = read_user_tags(output)
    assert list(entries) == list(photo_ids)
    assert entries["1"] == PhotoTags("1", "177", ("sky", "tag177"))
    assert entries["3"] == PhotoTags("3", "377", problem="1: Photo not found")
    assert entries["4"] == PhotoTags("4", "477")
    assert entries["9"] == PhotoTags("9", None, problem="no photo id in flickr_url")
    assert flickr.counts() == dict.fromkeys(PHOTO_IDS.values(), 1)


def test_a_second_start_asks_for_nothing_again(flickr, ask, output):
    flickr.script["377"] = [flickr.fail(1, "Photo not found")]
    first = fetch_user_tags(PHOTO_IDS, ask, output)
    content = output.read_bytes()
    assert fetch_user_tags(PHOTO_IDS, ask, output) == first
    assert output.read_bytes() == content
    assert flickr.counts() == dict.fromkeys(PHOTO_IDS.values(), 1)


def test_a_half_line_is_asked_for_again(flickr, ask, output):
    fetch_user_tags(PHOTO_IDS, ask, output)
    content = output.read_bytes()
    output.write_bytes(content[:-15])
    fetch_user_tags(PHOTO_IDS, ask, output)
    assert output.read_bytes() == content
    assert flickr.counts() == dict.fromkeys(PHOTO_IDS.values(), 1) | {"877": 2}


def test_a_photo_without_an_answer_is_left_for_the_next_start(flickr, ask, output):
    flickr.script["377"] = [*[(500, {}, b"")] * 6, flickr.tags_answer("377", "late")]
    summary = fetch_user_tags(PHOTO_IDS, ask, output)
    assert (summary.with_tags, summary.later) == (7, 1)
    assert "3" not in read_user_tags(output)
    assert fetch_user_tags(PHOTO_IDS, ask, output).later == 0
    assert read_user_tags(output)["3"].tags == ("late",)


def test_a_service_that_is_down_stops_the_run_and_keeps_what_is_there(flickr, ask, output):
    for i in (3, 4, 5):
        flickr.script[f"{i}77"] = [(503, {}, b"")]
    with pytest.raises(ValueError, match=r"start the same command.*photo 577: HTTP 503, 6 times"):
        fetch_user_tags(PHOTO_IDS, ask, output)
    assert list(read_user_tags(output)) == ["1", "2"]
    assert "677" not in flickr.counts()


def test_a_refused_key_stops_the_run_and_no_photo_is_called_dead(flickr, ask, output):
    flickr.script["377"] = [flickr.fail(100, "Invalid API Key (Key has expired)")]
    with pytest.raises(ValueError, match="100: Invalid API Key"):
        fetch_user_tags(PHOTO_IDS, ask, output)
    assert list(read_user_tags(output)) == ["1", "2"]


def test_two_fetchers_of_one_file_are_refused(ask, output):
    lock = FileLock(output.with_name(f".{output.name}.lock"), "output", output)
    refused = pytest.raises(ValueError, match=r"`output` must not be in use by another process")
    with lock, refused:
        fetch_user_tags(PHOTO_IDS, ask, output)


def test_a_damaged_file_is_refused_with_the_line(flickr, ask, output):
    output.parent.mkdir()
    output.write_text("{}\n")
    with pytest.raises(ValueError, match=r"tags\.jsonl', line 1: "):
        fetch_user_tags(PHOTO_IDS, ask, output)
    assert flickr.requests == []


@pytest.fixture
def command(flickr, tmp_path, write_coco, output):
    annotations = write_coco(tmp_path, "instances", "train2014", list(range(1, 41)), [])
    return [
        sys.executable,
        *("-m", "data_prep.fetch_flickr_tags", f"--annotations={annotations}"),
        *(f"--output={output}", f"--base_url={flickr.base_url}", "--requests_per_hour=180000"),
    ]


def run(command, key="key-of-the-test"):
    environment = {**os.environ, "FLICKR_API_KEY": key}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_kill_9_costs_no_photo_that_was_recorded(flickr, command, output):
    environment = {**os.environ, "FLICKR_API_KEY": "key-of-the-test"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        while len(flickr.requests) < 10 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    recorded = output.read_bytes().count(b"\n")
    assert 8 <= recorded < 40
    with output.open("ab") as file:
        file.write(b'{"image_id": "40", "pho')
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "40 photos with tags, 0 without, 0 gone or without a photo id, 0 without an answer yet\n"
    )
    assert list(read_user_tags(output)) == [str(i) for i in range(1, 41)]
    # The photo in flight when it was killed may have been asked for twice.
    assert sum(flickr.counts().values()) <= 41
    # Progress, with the share that was done before and the time left.
    assert f"{recorded}/40" in done.stderr and "<" in done.stderr
    assert "key-of-the-test" not in done.stdout + done.stderr


def test_the_command_says_what_is_wrong_in_one_line(command):
    failed = run(command, key="")
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("error: `api_key` must be your Flickr API key")
    assert "Traceback" not in failed.stderr
