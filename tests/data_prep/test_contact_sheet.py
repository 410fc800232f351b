import io

import numpy as np
import PIL.Image
import pytest

from data_prep.contact_sheet import ascii_only, draw_contact_sheet
from semreg_tf.data.annotations import Annotation


def jpeg(width, height, colour, mode="RGB"):
    buffer = io.BytesIO()
    PIL.Image.new(mode, (width, height), colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def pixels(images, **changes):
    return np.asarray(draw_contact_sheet(images, "a set", **changes)).astype(int)


RED = jpeg(80, 60, (200, 0, 0))
BARE = Annotation("1", "1.jpg")


def share_near(sheet, colour, tolerance=12):
    return float((np.abs(sheet - colour).max(axis=-1) <= tolerance).mean())


def test_a_picture_is_shown_whole_and_in_its_shape():
    sheet = pixels([(RED, BARE)])
    red = np.argwhere(np.abs(sheet - [200, 0, 0]).max(axis=-1) <= 12)
    (top, left), (bottom, right) = red.min(axis=0), red.max(axis=0)
    assert (bottom - top + 1, right - left + 1) == (198, 264)
    tall = pixels([(jpeg(30, 120, (200, 0, 0)), BARE)])
    red = np.argwhere(np.abs(tall - [200, 0, 0]).max(axis=-1) <= 12)
    (top, left), (bottom, right) = red.min(axis=0), red.max(axis=0)
    assert bottom - top + 1 == 198
    assert right - left + 1 == pytest.approx(198 / 4, abs=2)


def test_pictures_stand_in_rows_of_columns():
    images = [(RED, BARE)] * 5
    one, five, two = pixels(images[:1]), pixels(images), pixels(images, columns=2)
    assert one.shape[1] < two.shape[1] < five.shape[1]
    assert five.shape[0] == one.shape[0]
    assert two.shape[0] > 2.5 * 198
    assert share_near(two, [200, 0, 0]) * two[..., 0].size == pytest.approx(5 * 198 * 264, rel=0.02)


def test_labels_captions_and_tags_each_have_their_colour():
    plain = pixels([(RED, BARE)])
    labelled = pixels([(RED, Annotation("1", "1.jpg", labels=("sky", "polar bear")))])
    captioned = pixels([(RED, Annotation("1", "1.jpg", captions=("A dog runs .", "Dogs .")))])
    tagged = pixels([(RED, Annotation("1", "1.jpg", user_tags=("fun", "2009")))])
    green, blue = [222, 243, 230], [26, 95, 180]
    assert share_near(labelled, green) > 0.005 > share_near(plain, green)
    assert share_near(tagged, blue, 40) > 0.0002 > share_near(plain, blue, 40)
    # A row of chips, two captions of a line each, one line of tags.
    heights = [sheet.shape[0] - plain.shape[0] for sheet in (labelled, captioned, tagged)]
    assert heights == [18, 36, 18]


def test_long_texts_take_a_few_lines_and_stay_in_their_column():
    annotation = Annotation(
        "1",
        "a/very/long/path/" * 5 + "1.jpg",
        captions=("word " * 200, "w" * 200),
        labels=("x" * 100,),
        user_tags=tuple(f"tag{i}" for i in range(100)),
    )
    sheet = pixels([(RED, annotation), (RED, BARE)])
    # A name, a chip, three lines and one of captions, three of tags.
    assert sheet.shape[0] - pixels([(RED, BARE)]).shape[0] == 8 * 18
    gap = slice(20 + 264, 20 + 264 + 14)
    assert (sheet[60:, gap] == 255).all()


def test_grey_and_tiny_pictures_are_drawn():
    sheet = pixels([(jpeg(1, 1, 90, "L"), BARE), (jpeg(2000, 3, 90, "L"), BARE)])
    assert share_near(sheet, [90, 90, 90]) > 0.1


def test_only_the_fonts_own_characters_need_no_other():
    assert ascii_only(Annotation("1", "a.jpg", captions=("A dog.",), labels=("x",)))
    assert not ascii_only(Annotation("1", "a.jpg", captions=("Café",)))
    assert not ascii_only(Annotation("1", "é.jpg"))
    assert pixels([(RED, Annotation("1", "a.jpg", captions=("Café 犬",)))]).shape[0] > 198


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`images` must hold a picture.*0 images, columns=6"):
        draw_contact_sheet([], "a set")
    with pytest.raises(ValueError, match=r"`columns` be 1 or more.*columns=0"):
        draw_contact_sheet([(RED, BARE)], "a set", columns=0)
    path = tmp_path / "font.ttf"
    path.write_text("no font")
    with pytest.raises(ValueError, match=r"`font_file` must be a TrueType font.*font.ttf'"):
        draw_contact_sheet([(RED, BARE)], "a set", font_file=path)
