"""An export's info is read by one function, whose errors name the user's argument."""

import json
import logging
import re

import pytest

from semreg_tf.files import digests
from semreg_tf.files.export_info import FORMAT_VERSION, INFO_FILE, is_export, read_info

INFO = {"format_version": FORMAT_VERSION, "task": "tags"}


def written(folder, info):
    path = folder / INFO_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(info), encoding="utf-8")
    return folder


def test_the_info_is_returned_and_an_earlier_export_without_digests_is_told_in_one_line(
    tmp_path, caplog
):
    caplog.set_level(logging.WARNING, "semreg_tf")
    whole = digests.with_own_digest({**INFO, digests.FILE_DIGESTS: {}})
    assert read_info(written(tmp_path, whole)) == whole
    assert not caplog.records
    assert read_info(written(tmp_path, INFO)) == INFO
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"{tmp_path} has no digests: an earlier version exported it"]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            {**INFO, "format_version": 1},
            "hold an export of format version 2. Export the run again.",
        ),
        (
            {**INFO, digests.OWN_DIGEST: "0"},
            "hold semreg_tf.json as it was written: it was changed",
        ),
        (digests.with_own_digest({**INFO, digests.FILE_DIGESTS: {"a": ""}}), "hold a as it was"),
        ([], "hold a whole semreg_tf.json: it is not a JSON object. Export the run again."),
    ],
)
def test_an_export_that_cannot_be_used_is_refused_by_the_arguments_name(tmp_path, info, message):
    with pytest.raises(ValueError, match=re.escape(f"`init_from` must {message}")) as refused:
        read_info(written(tmp_path, info), "init_from")
    assert "\n" not in str(refused.value)


def test_a_folder_without_info_is_no_export(tmp_path):
    assert not is_export(tmp_path)
    message = re.escape(
        f"`workdir` must be a folder written by the export command. "
        f"Received: workdir={str(tmp_path)!r}"
    )
    with pytest.raises(ValueError, match=message):
        read_info(tmp_path, "workdir")
