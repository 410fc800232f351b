"""The page in a real browser: by mouse, by keyboard, on a phone; it loads nothing from outside."""

import contextlib
import io
import json
import threading

import PIL.Image
import pytest
import requests

from semreg_tf.serving.batching import BatchRules
from semreg_tf.serving.server import bind, make_server
from semreg_tf.serving.service import Service

pytestmark = pytest.mark.large

DESKTOP, PHONE = (1280, 900), (390, 844)
ANSWERED = "document.querySelectorAll('#results .bars').length"
TAB, ENTER, SPACE = "\ue004", "\ue007", "\ue00d"
SECS = 20


@pytest.fixture
def site(fake_model, tmp_path, picture):
    """Serves stand-ins for a captioner and a tagger: `address, models = site(count)`."""
    examples = {}
    for width in (21, 22):
        examples[f"{width}.png"] = tmp_path / f"{width}.png"
        examples[f"{width}.png"].write_bytes(picture(width, 20))
    with contextlib.ExitStack() as stack:

        def start(num_models=1, both=False, names=("captioner", "tagger"), **limits):
            models = [fake_model(name) for name in names[:num_models]]
            if both:
                models[0].says_tags_too()
            if num_models > 1:
                models[1].info = {"task": "tags"}
            service = Service(models, rules=BatchRules(max_wait_ms=0), **limits)
            server = make_server(service, examples, grace_secs=0.0)
            bound = bind("127.0.0.1", 0)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
            thread.start()

            def stop():
                server.should_exit = True
                thread.join(SECS)

            stack.callback(stop)
            return f"http://127.0.0.1:{bound.getsockname()[1]}", models

        yield start


def severe(browser):
    return [entry["message"] for entry in browser.log() if entry["level"] == "SEVERE"]


def requested(browser):
    """Returns the addresses that the page asked for."""
    events = [json.loads(e["message"])["message"] for e in browser.log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return {params["request"]["url"].split("?")[0] for params in sent}


def test_a_chosen_picture_is_captioned_and_nothing_comes_from_outside(site, browse, tmp_path):
    address, _ = site()
    path = tmp_path / "mine.jpg"
    PIL.Image.new("RGB", (40, 30), "red").save(path)
    browser = browse(DESKTOP)
    browser.open(address)
    assert "It does not read text in pictures" in browser.text("#cannot")
    assert "knows nothing of photographs" in browser.text("#cannot")
    browser.choose("#file", path)
    browser.wait(ANSWERED)
    assert browser.text(".caption") == "A picture 40 by 30"
    assert browser.text(".bars").split() == ["sea", "75", "%", "sun", "25", "%"]
    assert "−1.50" in browser.text("#results")
    assert browser.text("#status") == "Caption: A picture 40 by 30"
    assert browser.run("return document.querySelector('#preview').alt") == "Your picture, mine.jpg"
    assert not severe(browser)
    assert {a for a in requested(browser) if a.startswith(("http", "ws"))} == {
        f"{address}/{path}"
        for path in ("", "examples/21.png", "examples/22.png", "v1/models/captioner:predict")
    }


def test_everything_is_reached_by_keyboard(site, browse):
    address, models = site()
    browser = browse(DESKTOP)
    browser.open(address)
    reached = []
    for _ in range(6):
        browser.press(TAB)
        reached.append(browser.run("const e = document.activeElement; return e.id || e.innerHTML"))
    assert reached[0] == "file" and "Example 1" in reached[1] and "Example 2" in reached[2]
    assert reached[3] == "tags" and reached[4] == "Apply"
    # The ring is the label's: the input itself is hidden from sight.
    browser.run("document.querySelector('#file').focus()")
    browser.press(TAB, ENTER)
    browser.wait(ANSWERED)
    assert browser.text(".caption") == "A picture 21 by 20"
    pressed = "return document.querySelector('#examples button').getAttribute('aria-pressed')"
    assert browser.run(pressed) == "true"
    # Typed tags, sent by Enter, reach the model.
    browser.press(TAB, TAB, *"fog", ENTER)
    browser.wait("!document.querySelector('#results').hasAttribute('aria-busy')")
    assert models[0].tags == ["", "fog"]
    assert {signature for signature, _ in models[0].batches} == {"serving_with_tags"}
    focused = "const s = getComputedStyle(document.activeElement); return s.outlineStyle"
    assert browser.run(focused) == "solid"


def test_known_tags_are_switched_on_and_off(site, browse):
    address, _ = site()
    browser = browse(DESKTOP)
    browser.open(address)
    browser.run("document.querySelector('#examples button').click()")
    browser.wait(ANSWERED)
    assert browser.text("#known").split("\n") == ["sea", "</script>"]
    for value, said in (("sea", "true"), ("", "false")):
        browser.run("document.querySelector('#known button').click()")
        assert browser.run("return document.querySelector('#tags').value") == value
        found = "return document.querySelector('#known button').getAttribute('aria-pressed')"
        assert browser.run(found) == said


def test_two_models_answer_side_by_side(site, browse, tmp_path):
    address, _ = site(2)
    browser = browse(DESKTOP)
    browser.open(address)
    browser.run("document.querySelectorAll('#examples button')[1].click()")
    browser.wait(f"{ANSWERED} === 2")
    assert browser.text(".chips") == "a picture 22 by 20"
    assert browser.text("#about") == "captioner: captions, trained on demo · tagger: tags"


@pytest.mark.parametrize("size", [DESKTOP, (400, 844)])
def test_a_model_of_captions_and_tags_answers_on_one_card(site, browse, tmp_path, size):
    address, _ = site(both=True)
    browser = browse(size)
    browser.open(address)
    assert browser.text("#about") == "captioner: captions and tags, trained on demo"
    assert "2 concepts, 2 words and 2 labels" in browser.text("#cannot")
    browser.run("document.querySelector('#examples button').click()")
    browser.wait(ANSWERED)
    assert browser.text(".caption") == "A picture 21 by 20"
    chips = "return [...document.querySelectorAll('.chips li')].map((e) => e.innerText)"
    assert browser.run(chips) == ["sea, blue 93 %", "boat < 1 %"]
    assert "how sure the model is" in browser.text("#results").lower()
    lists = "return [...document.querySelectorAll('.best li')].map((e) => e.innerText)"
    assert [text.split("\n")[0] for text in browser.run(lists)] == ["sea, blue, boat", "boat"]
    assert browser.text("#status").endswith("Tags: sea, blue, boat")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert not severe(browser)


def test_no_tag_has_no_probability_and_is_told(site, browse):
    address, models = site(both=True)
    answer = models[0]._answer
    none = {"labels": [["", ""]], "label_scores": [[-1.0, -1.0]], "label_list_scores": [0.0]}
    models[0]._answer = lambda row: {**answer(row), **none, "annotations": ["it is red ."]}
    browser = browse(DESKTOP)
    browser.open(address)
    browser.run("document.querySelector('#examples button').click()")
    browser.wait(ANSWERED)
    assert "(no tag)" in browser.text("#results")
    assert browser.text("#results").count("Log probability") == 1
    assert browser.text("#status") == "Caption: It is red. Tags: none"


def test_a_picture_that_the_browser_cannot_show_is_answered_and_said_to_be(site, browse, tmp_path):
    address, _ = site()
    path = tmp_path / "scan.tif"
    PIL.Image.new("RGB", (40, 30), "red").save(path)
    browser = browse(DESKTOP)
    browser.open(address)
    browser.choose("#file", path)
    browser.wait(ANSWERED)
    browser.wait("!document.querySelector('#unshown').hidden")
    assert browser.text(".caption") == "A picture 40 by 30"
    assert "cannot show this picture" in browser.text("#drop")
    assert "Choose a picture" not in browser.text("#drop")
    browser.run("document.querySelector('#examples button').click()")
    browser.wait("document.querySelector('#unshown').hidden")


def test_counts_with_thousands_are_listed_and_a_name_that_is_the_task_stands_once(site, browse):
    address, _ = site(names=("captions",))
    browser = browse(DESKTOP)
    browser.open(address)
    assert browser.text("#about") == "captions, trained on demo"
    shown = "return listed(['1,000 concepts', '2,929 words'])"
    assert browser.run(shown) == "1,000 concepts and 2,929 words"
    shown = "return [listed(['a', 'b', 'c']), listed(['a']), listed([])]"
    assert browser.run(shown) == ["a, b and c", "a", ""]


def test_the_footer_names_every_address_and_its_links_open(site, browse):
    address, _ = site()
    browser = browse(DESKTOP)
    browser.open(address)
    document = requests.get(f"{address}/openapi.json", timeout=SECS).json()
    told = browser.text("footer")
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            assert f"{method.upper()} {path}" in told
    assert f"curl -F file=@photo.jpg {address}/annotate" in told
    links = browser.run("return [...document.querySelectorAll('footer a')].map((e) => e.href)")
    assert f"{address}/openapi.json" in links and f"{address}/v1/models/captioner" in links
    assert {requests.get(link, timeout=SECS).status_code for link in links} == {200}


def test_errors_are_said_plainly_and_can_be_tried_again(site, browse, tmp_path):
    address, models = site()
    browser = browse(DESKTOP)
    browser.open(address)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8 no picture")
    browser.choose("#file", bad)
    browser.wait("!document.querySelector('#alert').hidden")
    assert "picture" in browser.text("#alert-text")
    assert browser.run("return document.querySelector('#retry').hidden")
    broken = tmp_path / "fails.png"
    PIL.Image.new("RGB", (14, 9)).save(broken)
    browser.choose("#file", broken)
    browser.wait("document.querySelector('#alert-text').innerText.includes('model failed')")
    assert not browser.run("return document.querySelector('#retry').hidden")
    models[0]._answer = lambda row: {**type(models[0])._answer(models[0], {"features": 1})}
    browser.run("document.querySelector('#retry').click()")
    browser.wait(ANSWERED)
    assert browser.run("return document.querySelector('#alert').hidden")


@pytest.mark.parametrize("what", ["webp", "turned", "large"])
def test_what_the_server_would_not_read_aright_is_drawn_anew(site, browse, tmp_path, what):
    address, _ = site()
    image = PIL.Image.effect_noise((60, 40), 50)
    path, said = tmp_path / "picture.webp", "A picture 60 by 40"
    if what == "webp":
        image.save(path)
    elif what == "turned":
        path, said = tmp_path / "turned.jpg", "A picture 40 by 60"
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        image.save(path, exif=exif)
    else:
        path, said = tmp_path / "large.png", "A picture 1600 by 1280"
        buffer = io.BytesIO()
        PIL.Image.new("L", (6000, 4800)).save(buffer, "PNG")
        path.write_bytes(buffer.getvalue())
    browser = browse(DESKTOP)
    browser.open(address)
    browser.choose("#file", path)
    browser.wait(ANSWERED)
    assert browser.text(".caption") == said


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_every_width_in_both_colours(site, browse, size, dark, tmp_path):
    address, _ = site(2)
    browser = browse(size, dark)
    browser.open(address)
    browser.run("document.querySelector('#examples button').click()")
    browser.wait(f"{ANSWERED} === 2")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") == dark
    shot = tmp_path / "page.png"
    browser.screenshot(shot)
    with PIL.Image.open(shot) as image:
        brightness = image.convert("L").resize((1, 1)).getpixel((0, 0))
    assert (brightness < 90) == dark
    small = browser.run(
        "return [...document.querySelectorAll('button, label.drop')]"
        ".filter((e) => e.offsetParent && e.getBoundingClientRect().height < 32)"
        ".map((e) => e.innerText)"
    )
    assert not small
