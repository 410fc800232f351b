"""The report: a whole page from small made-up work directories, safe, self-contained, honest."""

import base64
import html.parser
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semreg_tf.experiments.reported import TABLES
from semreg_tf.metrics.multilabel import multilabel_metrics
from semreg_tf.report import build_report, paper_comparison, write_report, write_text

VOID = {"meta", "img", "br", "hr", "link", "input"}
NAMES = ("grass", "sea", "boat", "sun", "dog", "kite")
COUNTS = (500, 400, 90, 80, 12, 11)


class Page(html.parser.HTMLParser):
    """Parses a page, checks that tags nest, and keeps elements and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.ids = [], [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids.add(dict(attrs).get("id"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def write_run(path, name, stage="joint", row="", task="tags", seed=1, dataset="demo", **files):
    """Writes a work directory; `files` are results, predictions and history."""
    path.mkdir(parents=True)
    config = {
        "name": name,
        "table_row": row,
        "seed": seed,
        "data": {"dataset": dataset, "task": task},
    }
    about = {"config": config, "stage": stage, "commit": "0123456789abcdef", "versions": {"a": "1"}}
    (path / "config.json").write_text(json.dumps(about))
    lines = "".join(f"{n}\t{c}\n" for n, c in zip(NAMES, COUNTS, strict=True))
    (path / "concepts.txt").write_text(f"semreg_tf names 1\n{lines}")
    if "results" in files:
        (path / "results.json").write_text(json.dumps(files["results"]))
    for kind in ("predictions", "history"):
        if kind in files:
            text = "".join(json.dumps(row) + "\n" for row in files[kind])
            (path / f"{kind}.jsonl").write_text(text)
    return path


def write_picture(run, number):
    (run / "pictures").mkdir(exist_ok=True)
    name = f"pictures/test-{number:05d}.jpg"
    Image.new("RGB", (8, 6), (40 * number % 255, 90, 30)).save(run / name)
    return name


@pytest.fixture
def tag_run(tmp_path):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (12, 6))
    targets[:, 0] = 1
    targets[0] = [1, 0, 1, 0, 0, 0]
    guesses = {"ours": targets.copy(), "CNN top 3": 1 - targets}
    guesses["ours"][0] = [1, 0, 0, 1, 0, 0]
    scores = rng.uniform(size=(12, 6))
    systems = {
        name: multilabel_metrics(targets, made, scores, NAMES).as_dict()
        for name, made in guesses.items()
    }
    run = write_run(
        tmp_path / "tags",
        "demo_tags/s_cnn_rnn",
        row="demo, after Table 1: Ours",
        results={
            "task": "tags",
            "split": "test",
            "num_images": 12,
            "systems": systems,
        },
        history=[
            {"step": 100 * i, "elapsed_secs": 60.0 * i, "O-F1": 0.2 * i, "loss": 9.0 / i}
            for i in (1, 2, 3)
        ],
    )
    rows = []
    for i in range(12):
        human = [n for n, t in zip(NAMES, targets[i], strict=True) if t][::-1]
        said = [n for n, t in zip(NAMES, guesses["ours"][i], strict=True) if t][::-1]
        rows.append(
            {
                "image_id": f"i{i}",
                "file_name": f"i{i}.jpg",
                "labels": human,
                "captions": [],
                "n_best": [[", ".join(said), -0.5]],
                "concepts": [["grass", 0.91], ["sea", 0.2]],
                "cnn": {"CNN top 3": ["sea", "grass"]},
                "picture": write_picture(run, i),
            }
        )
    (run / "predictions.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return run


@pytest.fixture
def caption_run(tmp_path):
    rows = [
        {
            "image_id": i,
            "file_name": f"{i}.jpg",
            "labels": [],
            "captions": ["A dog runs .", "a brown dog on grass"] if i else ["a <b>kite</b> flies"],
            "n_best": [["a <script>alert(1)</script> dog swims", -3.0], ["a dog", -4.0]],
            "concepts": [["dog", 0.8]],
            "scores": {"CIDEr": 0.1 * i},
        }
        for i in range(9)
    ]
    run = write_run(
        tmp_path / "captions",
        "flickr8k_captions/s_cnn_rnn",
        row="Table 4: Ours",
        task="captions",
        dataset="flickr8k",
        results={
            "task": "captions",
            "split": "validation",
            "num_images": 9,
            "captions": {"CIDEr": 0.41, "BLEU-1": 0.6, "perplexity": 20.0, "vocabulary_size": 2921},
            "warnings": ["METEOR was left out"],
        },
    )
    for row in rows[:8]:
        row["picture"] = write_picture(run, row["image_id"])
    (run / "predictions.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return run


def test_page_is_whole_and_loads_nothing(tag_run, caption_run):
    text = build_report([tag_run, caption_run])
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object"}
    images = page.attributes("img")
    assert len(images) == 12 + 8
    for image in images:
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\xff\xd8\xff")
        assert image["alt"]
    for _, attributes in page.elements:
        assert not set(attributes) & {"srcset", "action", "data", "xlink:href"}
        assert (attributes.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert "http" not in text
    assert not re.search(r"url\(|@import", text)


def test_links_reach_and_headings_do_not_jump(tag_run, caption_run):
    page = Page(build_report([tag_run, caption_run]))
    links = page.attributes("a")
    assert len(links) == 6
    assert {link["href"].removeprefix("#") for link in links} <= page.ids
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert all(cell.get("scope") in ("col", "row") for cell in page.attributes("th"))
    assert len(page.attributes("caption")) == len(page.attributes("table"))
    for drawing in page.attributes("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label")


def test_text_of_predictions_is_escaped(caption_run):
    text = build_report([caption_run])
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<b>kite" not in text


def test_tag_card_is_in_the_supplements_style(tag_run):
    text = build_report([tag_run])
    words = Page(text).words
    assert (
        "F1 0.50 human boat → grass CNN top 3 sea (wrong) → grass Ours sun (wrong) → grass" in words
    )
    card = next(part for part in text.split("<article") if "i0.jpg" in part)
    assert (
        '<span class="wrong">sun<span class="hidden"> (wrong)</span></span> → '
        '<span class="right">grass</span>' in card
    )


def test_tables_say_what_ran_and_who_is_best(tag_run):
    text = build_report([tag_run])
    words = Page(text).words
    for said in ("demo_tags/s_cnn_rnn", "0123456789", "test, 12 images", "O-F1 95.83 %; CNN top 3"):
        assert said in words
    ours = text[text.index('<th scope="row">Ours</th>') :].partition("</tr>")[0]
    assert ours.count("<b>") == 8


def test_what_it_says_of_reading_is_of_the_tasks_that_it_shows(tag_run, caption_run):
    tags, captions = (Page(build_report([run])).words for run in (tag_run, caption_run))
    assert "Human labels are incomplete" in tags and "Human labels" not in captions
    assert "Words are marked automatically" in captions and "Words are marked" not in tags
    assert "single picture's CIDEr" in captions and "CIDEr" not in tags


def test_worst_and_best_come_apart_and_no_picture_twice(tag_run):
    text = build_report([tag_run])
    best, _, rest = text.partition("Failure cases: worst by F1")
    worst = rest.partition("neither best nor worst")[0]
    assert "i0.jpg" in worst
    assert "i0.jpg" not in best
    assert best.count("<article") == worst.count("<article") == 4
    assert text.count("<article") == 12
    assert Page(build_report([tag_run], num_pictures=1)).words.count(".jpg") == 9


def test_ten_pictures_stand_open_and_a_click_shows_the_others(tag_run):
    text = build_report([tag_run])
    folded = re.findall(r'<details class="more">.*?</details>', text, re.DOTALL)
    assert text.count("<article") - sum(box.count("<article") for box in folded) == 10
    assert [box.count("<article") for box in folded] == [1, 1]
    assert all("<summary>1 more picture</summary>" in box for box in folded)
    assert "<details" not in build_report([tag_run], num_pictures=0)


def test_the_best_cut_of_the_cnn_alone_is_no_cut_of_both(tag_run):
    results = json.loads((tag_run / "results.json").read_text())
    both = {**results["systems"]["CNN top 3"], "O-F1": 0.99}
    results["systems"]["ours with the CNN, top 3"] = both
    (tag_run / "results.json").write_text(json.dumps(results))
    words = Page(build_report([tag_run])).words
    assert "CNN top 3, the best cut of the CNN alone" in words
    assert "(upper bar: Ours, lower bar: CNN top 3)" in words


def test_caption_words_are_marked(caption_run):
    text = build_report([caption_run])
    card = next(part for part in text.split("<article") if ">3.jpg" in part)
    assert '<span class="wrong">swims<span class="hidden"> (wrong)</span></span>' in card
    assert '<span class="right">dog' not in card
    assert "next best" in card
    assert "in none of the picture" in Page(text).words


def test_paper_rows_stand_beside_with_difference_on_the_same_data_alone(caption_run):
    words = Page(build_report([caption_run])).words
    assert "here: Ours, on flickr8k validation: other data, no difference 0.410" in words
    assert "difference, on another split -4.39 +0.035" in words
    assert "METEOR was left out." in words


def test_seeds_have_a_mean_and_cards_one_line(tag_run, tmp_path):
    results = json.loads((tag_run / "results.json").read_text())
    results["systems"]["ours"]["O-F1"] = 0.5
    again = write_run(tmp_path / "again", "demo_tags/s_cnn_rnn", seed=2, results=results)
    text = build_report([tag_run, again])
    assert "mean of 2 runs ± deviation" in text
    assert "72.92 ± 32.41" in text
    card = next(part for part in text.split("<article") if "i0.jpg" in part)
    assert "seed" not in card


def test_stages_without_results_add_their_curves(tag_run, tmp_path):
    history = [{"step": 10, "elapsed_secs": 5.0, "O-F1": 0.4, "loss": 3.0}]
    unary = write_run(
        tmp_path / "unary", "demo_tags/s_cnn_rnn", "unary", row="x: Ours", history=history
    )
    page = Page(build_report([tag_run, unary]))
    assert "Ours, joint 0.2 → 0.6 Ours, unary 0.4" in page.words
    assert sum(a.get("class") == "chart" for a in page.attributes("svg")) == 5
    assert "1 not evaluated 0123456789" in page.words


def test_missing_and_broken_files_are_said_and_do_not_stop(tag_run, tmp_path):
    bare = write_run(tmp_path / "bare", "demo_captions/s_cnn_rnn", task="captions")
    (bare / "concepts.txt").unlink()
    assert "No work directory has a history.jsonl." in Page(build_report([bare])).words
    (tag_run / "results.json").write_text('{"task": "tags", ')
    with open(tag_run / "history.jsonl", "a") as f:
        f.write('{"step": 400, "O-')
    (tag_run / "pictures" / "test-00001.jpg").write_bytes(b"GIF89a")
    (tag_run / "pictures" / "test-00002.jpg").unlink()
    words = Page(build_report([tag_run, bare])).words
    assert "Damaged files, which are left out:" in words
    assert "tags: results.json cannot be read: damaged or cut short at line 1" in words
    assert "tags: history.jsonl: 1 lines cannot be read" in words
    assert "the picture's copy cannot be read" in words
    assert "There are predictions but no scores" in words
    assert "i2.jpg" not in words


@pytest.mark.parametrize("name", ["results.json", "predictions.jsonl", "history.jsonl"])
def test_any_file_may_be_missing_and_is_in_no_list(tag_run, name):
    (tag_run / name).unlink()
    words = Page(build_report([tag_run])).words
    assert "Damaged" not in words
    assert name not in words.replace("No work directory has a history.jsonl.", "")
    if name == "predictions.jsonl":
        assert "test, 12 images, no predictions" in words


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    message = "`workdir` must be the folder of a run, with a config.json: config.json is missing"
    with pytest.raises(ValueError, match=message):
        build_report([tmp_path])
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config\.json cannot be read: it must hold one JSON obj"):
        build_report([tmp_path])
    with pytest.raises(ValueError, match=r"`workdir` must be given at least once"):
        build_report([])


def test_write_report_is_whole_or_not_at_all(tag_run, tmp_path):
    out = write_report([tag_run], tmp_path / "new" / "report.html")
    assert Page(out.read_text(encoding="utf-8"))
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    with pytest.raises(ValueError, match="`out` must be a file"):
        write_text("x", tmp_path / "new")
    assert not (tmp_path / "new.partial").exists()


def test_comparison_prints_markdown_or_a_page(caption_run):
    text = paper_comparison([caption_run], ["Table 4"])
    assert "| Ours | 1.054 | 0.260 | 0.550 | 0.340 |" in text
    assert "other data, no difference* | 0.410 | – | – | – |" in text
    page = Page(paper_comparison([caption_run], form="html"))
    assert len(page.attributes("table")) == len(TABLES)
    with pytest.raises(ValueError, match=r"`tables` must be among Table 1, .* tables=\['T'\]"):
        paper_comparison(tables=["T"])
    with pytest.raises(ValueError, match=r"`form` must be 'markdown' or 'html'. Received: form='x"):
        paper_comparison(form="x")


def test_report_needs_no_tensorflow():
    code = (
        "import sys, semreg_tf.report; "
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras') or "
        "m.startswith(('semreg_tf.models', 'semreg_tf.training', 'semreg_tf.data'))])"
    )
    root = Path(__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
