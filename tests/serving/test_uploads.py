"""Pictures as forms and as whole bodies; what is wrong with one is its sender's, in one line."""

import time

import pytest

from semreg_tf.serving.limits import Limits, Refusal
from semreg_tf.serving.uploads import Upload, reader_of_upload

B = "x1"
FORM = f"multipart/form-data; boundary={B}"
DISPOSITION = b'Content-Disposition: form-data; name="%s"'
FILE = b'Content-Disposition: form-data; name="file"; filename="a.jpg"'


def form(*parts, end=b"--x1--\r\n"):
    """`parts` are (header, data)."""
    lines = [b"--x1\r\n" + header + b"\r\n\r\n" + data + b"\r\n" for header, data in parts]
    return b"".join(lines) + end


def read(body, kind=FORM, query=(), **limits):
    return reader_of_upload(kind, query, Limits(**limits))(body)


def field(name, value):
    return DISPOSITION % name, value


def test_a_form_holds_a_file_tags_and_models():
    body = form(field(b"user_tags", b"sea, sun"), (FILE, b"\xff\r\n--x\r\n"), field(b"model", b"m"))
    assert read(bytearray(body)) == Upload(b"\xff\r\n--x\r\n", "sea, sun", ("m",))
    # The order, the file's own name, the preamble and a quoted boundary do not matter.
    other = b'content-disposition: form-data; filename="b"; name="picture"\r\nContent-Type: image/x'
    quoted = f'Multipart/Form-Data; boundary="{B}"'
    assert read(b"\r\n" + form((other, b"")), quoted, [("model", "m")]) == Upload(b"", None, ("m",))


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/x; a=b", "application/octet-stream"])
def test_a_body_is_the_picture(kind):
    query = [("model", "a"), ("model", "b"), ("model", "a"), ("user_tags", "sea")]
    assert read(b"data", kind, query) == Upload(b"data", "sea", ("a", "b"))


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-www-form-urlencoded", "x"])
def test_other_bodies_are_no_pictures(kind):
    assert reader_of_upload(kind, [], Limits()) is None


@pytest.mark.parametrize(
    "body, reason",
    [
        (form((FILE, b"data"))[:-8], "cut off"),
        (form((FILE, b"data"))[:30], "cut off|no form"),
        (form((FILE, b"data")).replace(b"x1", b"y1"), "is not a form with its header's boundary"),
        (b"", "cut off"),
        (b"no form at all", "is not a form"),
        (form(), "no files"),
        (form((FILE, b"1"), (FILE, b"2")), "has 2 files: send one file"),
        (form(field(b"file", b"photo.jpg")), '"file" is text, not a file'),
        (form((FILE, b"1"), field(b"tags", b"sea")), "Unknown field 'tags'"),
        (form((FILE, b"1"), field(b"user_tags", b"a"), field(b"user_tags", b"b")), "given twice"),
        (form((FILE, b"1"), field(b"user_tags", b"\xff")), "'user_tags' is not UTF-8"),
        (form((FILE, b"1"), field(b"user_tags", b"a," * 300)), "has 301 tags"),
        (form((b"Content-Type: image/jpeg", b"1")), "no Content-Disposition"),
        (form(*[(FILE, b"")] * 9), "more than 8 parts"),
        (form((b"X" * 100_000 + b": 1", b"")), "is not a form"),
    ],
)
def test_a_wrong_form_is_refused_in_one_line(body, reason):
    with pytest.raises(Refusal, match=reason) as refusal:
        read(body)
    assert refusal.value.status == 400 and "\n" not in refusal.value.reason


def test_a_form_without_a_boundary_is_refused():
    with pytest.raises(Refusal, match="has no boundary"):
        read(form((FILE, b"1")), "multipart/form-data")


@pytest.mark.parametrize("filling", [b"\r\n--x", b"\r", b"-", b"--x1"])
def test_a_hostile_filling_costs_no_more_than_its_bytes(filling):
    body = form((FILE, filling * (2_000_000 // len(filling))))
    started = time.process_time()
    try:
        assert len(read(body).picture) > 1_000_000
    except Refusal as refusal:
        assert refusal.status == 400
    assert time.process_time() - started < 5
