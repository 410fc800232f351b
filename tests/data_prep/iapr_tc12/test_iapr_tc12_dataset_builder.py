import json

import pytest

from data_prep.iapr_tc12.iapr_tc12_dataset_builder import Builder, num_held_out
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE, find_builder

NUMBERS = [25, 60, 1000, 1001, 1207, 16019, 16020, 40506]
NAMES = [f"{number // 1000:02}/{number}" for number in NUMBERS]


def annotation(name, description):
    text = (
        f"<DOC>\n<DOCNO>annotations/{name}.eng</DOCNO>\n<TITLE>Quilotoa & a lake</TITLE>\n"
        f"<DESCRIPTION>{description}</DESCRIPTION>\n<NOTES></NOTES>\n"
        f"<LOCATION>Perú</LOCATION>\n<DATE>April 2002</DATE>\n<IMAGE>images/{name}.jpg</IMAGE>\n"
        f"<THUMBNAIL>thumbnails/{name}.jpg</THUMBNAIL>\n</DOC>\n"
    )
    return text.encode("iso-8859-1")


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def raw_dir(tmp_path, draw_picture):
    folder = tmp_path / "raw"
    for i, name in enumerate(NAMES):
        description = f"a señora in a red poncho; {i} houses behind her; a lake;"
        write(folder / "annotations_complete_eng", f"{name}.eng", annotation(name, description))
        write(folder / "images", f"{name}.jpg", draw_picture(12 + i, 10, i))
    return folder


def write_lists(raw_dir, train, test):
    for split, members in (("train", train), ("test", test)):
        content = "".join(f"{name}\n" for name in members)
        (raw_dir / f"iaprtc12_{split}_list.txt").write_text(content)


def prepared(raw_dir, data_dir, config=None):
    prepare(Builder(data_dir=data_dir, config=config), raw_dir)
    builder = find_builder(data_dir, "iapr_tc12" if config is None else f"iapr_tc12/{config}")
    counts = json.loads((builder.data_path / COUNTS_FILE).read_text())
    splits = {
        split: {
            a.file_name.removesuffix(".jpg"): a for a in read_annotations(builder.data_dir, split)
        }
        for split in builder.info.splits
    }
    return splits, counts


def names(splits):
    return {split: set(images) for split, images in splits.items()}


def test_the_proportions_are_those_of_m_rnn():
    assert num_held_out(17_665 + 1_962) == (1_000, 1_962)
    assert 17_665 + 1_962 - sum(num_held_out(17_665 + 1_962)) == 16_665
    assert num_held_out(3) == (1, 1)


def test_the_description_is_the_one_caption(raw_dir, tmp_path):
    splits, counts = prepared(raw_dir, tmp_path / "data")
    images = {name: a for split in splits.values() for name, a in split.items()}
    assert set(images) == set(NAMES)
    first = images["01/1207"]
    assert (first.image_id, first.file_name) == ("1207", "01/1207.jpg")
    assert first.captions == ("a señora in a red poncho; 4 houses behind her; a lake",)
    assert first.tokens[0][:8] == ("a", "señora", "in", "a", "red", "poncho", ";", "4")
    assert counts["notes"] == {}


def test_the_draw_is_the_same_on_every_machine(raw_dir, tmp_path):
    splits, _ = prepared(raw_dir, tmp_path / "data")
    drawn = {split: members for split, members in names(splits).items() if split != "train"}
    # The names whose SHA-256 after "0/" are the smallest: the first tests, the next validates.
    assert drawn == {"validation": {"40/40506"}, "test": {"01/1207"}}


def test_the_shared_lists_hold_and_validation_comes_from_training(raw_dir, tmp_path):
    write_lists(raw_dir, train=[*NAMES[:4], "39/39999"], test=NAMES[5:7])
    splits, counts = prepared(raw_dir, tmp_path / "data", "lists")
    found = names(splits)
    assert found["test"] == {*NAMES[5:7]}
    assert found["train"] | found["validation"] == {*NAMES[:4]}
    assert (len(found["train"]), len(found["validation"])) == (3, 1)
    assert counts["dataset"] == "iapr_tc12/lists/1.0.0"
    assert counts["notes"] == {
        "listed image without a usable annotation": ["39/39999"],
        "image in no list": [NAMES[4], NAMES[7]],
    }


def test_an_image_in_both_lists_is_refused(raw_dir, tmp_path):
    write_lists(raw_dir, train=NAMES[:5], test=NAMES[4:])
    with pytest.raises(ValueError, match=r"'01/1207' in iaprtc12_train_list\.txt and iaprtc12_te"):
        prepare(Builder(data_dir=tmp_path / "data", config="lists"), raw_dir)


def test_what_cannot_be_used_is_skipped_and_listed(raw_dir, tmp_path, draw_picture):
    folder = raw_dir / "annotations_complete_eng"
    whole = (folder / f"{NAMES[0]}.eng").read_bytes()
    write(folder, f"{NAMES[0]}.eng", whole[: whole.index(b"houses")])
    write(folder, f"{NAMES[1]}.eng", annotation(NAMES[1], " ; "))
    write(folder, f"{NAMES[2]}.eng", annotation(NAMES[3], "another lake;"))
    write(raw_dir / "images", f"{NAMES[3]}.jpg", draw_picture(30, 30, 1)[:-50])
    write(raw_dir / "images", f"{NAMES[4]}.jpg", draw_picture(30, 30, 1, "PNG"))
    # The other folder of the archive: one image of its own, one that is in both.
    write(raw_dir / "annotations", "09/9001.eng", annotation("09/9001", "a hill;"))
    write(raw_dir / "annotations", f"{NAMES[5]}.eng", annotation(NAMES[5], "a hill;"))
    splits, counts = prepared(raw_dir, tmp_path / "data")
    assert counts["notes"] == {
        "annotation cut short": [NAMES[0]],
        "annotation without a description": [NAMES[1]],
        "annotation of another picture": [f"{NAMES[2]}: images/{NAMES[3]}.jpg"],
        "annotation in both folders, the complete one read": [NAMES[5]],
        "image corrupt": [f"{NAMES[3]}.jpg"],
        "image converted (no RGB or grey JPEG)": [f"{NAMES[4]}.jpg"],
        "image missing": ["09/9001.jpg"],
    }
    assert set().union(*names(splits).values()) == {*NAMES[4:]}


def test_one_annotation_folder_is_enough_and_none_is_refused(raw_dir, tmp_path):
    (raw_dir / "annotations_complete_eng").rename(raw_dir / "annotations")
    splits, _ = prepared(raw_dir, tmp_path / "data")
    assert sum(map(len, splits.values())) == len(NAMES)
    (raw_dir / "annotations").rename(raw_dir / "elsewhere")
    with pytest.raises(ValueError, match=r"there is no annotations_complete_eng\. Rec"):
        prepare(Builder(data_dir=tmp_path / "other"), raw_dir)


def test_the_lists_are_asked_for(raw_dir, tmp_path):
    with pytest.raises(ValueError, match=r"there is no iaprtc12_train_list\.txt, iaprtc12_test_l"):
        prepare(Builder(data_dir=tmp_path / "data", config="lists"), raw_dir)
