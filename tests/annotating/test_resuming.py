"""A later start takes over the answers that are still right, and prints them as the first did."""

import PIL.Image
import pytest

from semreg_tf.annotating.collection import Job, annotate_collection
from semreg_tf.annotating.csv_answers import csv_line
from semreg_tf.annotating.picture_list import list_pictures
from tests.annotating.stand_in import StandIn


@pytest.fixture(autouse=True)
def _pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("trip1", "trip2"):
        (tmp_path / name).mkdir()
        PIL.Image.new("RGB", (40, 30)).save(tmp_path / name / "1.png")


def annotate(*arguments, model=None, **options):
    return list(annotate_collection(Job(model or StandIn(), list_pictures(arguments), **options)))


def test_a_table_beside_the_copies_is_continued(tmp_path):
    words = []
    first = annotate("trip1", copies=tmp_path / "out", answers_format="csv")
    model, options = StandIn(), {"copies": tmp_path / "out", "answers_format": "csv"}
    again = annotate("trip1", model=model, also=[words.append], **options)
    assert again == first == words and not model.asked
    assert [csv_line(row) for row in again] == [csv_line(row) for row in first]
    assert (tmp_path / "out" / "annotations.csv").exists()
