import io
import json
import shutil

import pytest
from PIL import Image

from data_prep.custom.custom_dataset_builder import Builder
from data_prep.custom.findings import Findings
from data_prep.custom.keywords import UnreadableKeywordsError, picture_keywords
from data_prep.custom.pictures import PictureFolder
from data_prep.custom.sources import choose_format, read_source
from data_prep.preparation import prepare
from semreg_tf.annotating.sidecars import SidecarWriter
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import find_builder

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    'syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject>'
    "<rdf:Bag>{items}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def xmp(*words):
    return XMP.format(items="".join(f"<rdf:li>{w}</rdf:li>" for w in words)).encode()


def iptc(*values):
    """Photoshop's segment APP13 with IPTC keywords."""
    records = b"".join(b"\x1c\x02\x19" + len(v).to_bytes(2, "big") + v for v in values)
    block = b"8BIM\x04\x04\x00\x00" + len(records).to_bytes(4, "big") + records
    block += b"\x00" * (len(records) % 2)
    data = b"Photoshop 3.0\x00" + block
    return b"\xff\xed" + (len(data) + 2).to_bytes(2, "big") + data


def picture(number=0, form="JPEG", packet=None, segment=b""):
    out = io.BytesIO()
    image = Image.linear_gradient("L").resize((24 + number, 20)).convert("RGB")
    # Pillow writes a TIFF's XMP as any other of its fields.
    options = {"tiffinfo": {700: packet}} if form == "TIFF" else {"xmp": packet}
    image.save(out, form, **(options if packet else {}))
    data = out.getvalue()
    return data[:2] + segment + data[2:] if segment else data


@pytest.fixture
def folder(tmp_path):
    def make(files):
        root = tmp_path / "pictures"
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return root

    return make


def keywords_of(root, name):
    return picture_keywords(root, name, PictureFolder.read(root).sidecars).people


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "TIFF"])
def test_xmp_within_pictures(folder, form):
    assert keywords_of(folder({"a": picture(0, form, xmp("dog", " the  sea ", "dog"))}), "a") == (
        "dog",
        "the sea",
    )


def test_iptc_within_pictures_in_two_encodings(folder):
    segment = iptc(b"sea", "Küste".encode(), "Düne".encode("cp1252"))
    assert keywords_of(folder({"a.jpg": picture(segment=segment)}), "a.jpg") == (
        "sea",
        "Küste",
        "Düne",
    )
    one = folder({"b.jpg": picture(segment=iptc(b"sea"))})
    assert keywords_of(one, "b.jpg") == ("sea",)


@pytest.mark.parametrize("sidecar", ["a.xmp", "a.XMP", "a.jpg.xmp"])
def test_a_file_beside_the_picture(folder, sidecar):
    root = folder({"a.jpg": picture(packet=xmp("sea")), sidecar: xmp("dog")})
    assert keywords_of(root, "a.jpg") == ("dog", "sea")


def test_pictures_without_keywords_and_damaged_ones_have_none(folder):
    root = folder({"a.jpg": picture(), "b.jpg": b"no picture", "c.jpg": picture(packet=xmp())})
    assert [keywords_of(root, f"{n}.jpg") for n in "abc"] == [(), (), ()]


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta",
        b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    ],
)
def test_xmp_that_is_damaged_or_an_attack_is_refused(folder, packet):
    with pytest.raises(UnreadableKeywordsError, match="its XMP is not valid XML"):
        keywords_of(folder({"a.jpg": picture(), "a.xmp": packet}), "a.jpg")


def read(root, form, annotations=None):
    findings = Findings()
    rows = read_source(root, annotations, form, findings)
    return [r.values for r in rows], findings


def test_keywords_of_a_folder(folder):
    root = folder(
        {
            "a.jpg": picture(packet=xmp("dog")),
            "trip/b.jpg": picture(segment=iptc(b"sea")),
            "c.jpg": picture(),
            "d.jpg": picture(),
            "d.xmp": b"<",
        }
    )
    rows, findings = read(root, "keywords")
    assert rows == [
        {"file_name": "a.jpg", "labels": ["dog"]},
        {"file_name": "trip/b.jpg", "labels": ["sea"]},
    ]
    told = [f.text for f in findings.warnings]
    assert told[0].startswith("'d.jpg' is left out: its XMP is not valid XML")
    assert told[1] == "1 pictures have no keywords of people and are left out ('c.jpg')"


def recorded(*words):
    """A packet whose keywords `annotate_images` wrote, which it records."""
    bag = "<rdf:Bag>" + "".join(f"<rdf:li>{w}</rdf:li>" for w in words) + "</rdf:Bag>"
    record = (
        f'<s:keywords xmlns:s="urn:semreg-tf:annotations:1.0#">{bag}</s:keywords></rdf:Description>'
    )
    return xmp(*words).replace(b"</rdf:Description>", record.encode())


def test_words_that_annotate_wrote_are_no_labels(folder, capsys):
    """A model that learns its own answers as the truth never gets better."""
    cut = "x" * 70
    root = folder(
        {
            "dog/a.jpg": picture(),
            "dog/a.xmp": recorded("water", "tree"),
            "cat/b.jpg": picture(packet=recorded(cut), segment=iptc(cut[:64].encode())),
        }
    )
    assert choose_format(root, None, "auto") == "folders"
    assert capsys.readouterr().err == ""
    rows, findings = read(root, "keywords")
    assert rows == []
    assert findings.warnings[1].text == (
        "2 pictures have keywords that `annotate_images` wrote, not read ('cat/b.jpg', 'dog/a.jpg')"
    )
    folder(
        {"dog/a.xmp": recorded("water").replace(b"<rdf:li>", b"<rdf:li>Rex</rdf:li><rdf:li>", 1)}
    )
    rows, _ = read(root, "keywords")
    assert rows == [{"file_name": "dog/a.jpg", "labels": ["Rex"]}]


@pytest.mark.parametrize(
    ("tagged", "form", "says"),
    [
        (1, "folders", "the names of the folders; the pictures' keywords (on 1 of 4) are"),
        (2, "keywords", "the pictures' keywords (on 2 of 4); the names of the folders are"),
    ],
)
def test_few_keywords_do_not_hide_the_folders(folder, capsys, tagged, form, says):
    names = ("dog/a.jpg", "dog/b.jpg", "cat/c.jpg", "cat/d.jpg")
    packets = [xmp("Houston")] * tagged + [None] * 4
    root = folder({n: picture(packet=p) for n, p in zip(names, packets, strict=False)})
    assert choose_format(root, None, "auto") == form
    assert f"Annotations are read from {says} passed over" in capsys.readouterr().err


def test_our_writer_s_record_is_what_the_reader_knows(folder):
    pytest.importorskip("lxml")
    answer = {"text": "sea", "labels": ["sea"], "concepts": []}
    root = folder({"a.jpg": picture(), "a.xmp": xmp("Rex")})
    SidecarWriter(())({"file": str(root / "a.jpg"), **answer})
    assert b"sea" in (root / "a.xmp").read_bytes() and keywords_of(root, "a.jpg") == ("Rex",)


def test_a_sidecar_that_two_pictures_share_labels_neither(folder):
    root = folder({"a.jpg": picture(), "a.xmp": xmp("dog"), "a.PNG": picture(form="PNG")})
    folder({"a.jpg.xmp": xmp("sea")})
    rows, findings = read(root, "keywords")
    assert rows == [{"file_name": "a.jpg", "labels": ["sea"]}]
    assert [(f.kind, f.names) for f in findings.warnings[1:]] == [
        ("sidecar shared", ("a.PNG", "a.jpg"))
    ]


PASSED_OVER = (
    *(".git/x.jpg", ".thumbnails/b/c.jpg", "@eaDir/a.jpg/d.jpg", "sea/@eaDir/e.jpg"),
    *("runs/x/pictures/f.jpg", "data/1/g.jpg", "out/h.jpg"),
)


def test_one_sub_folder_a_label(folder):
    root = folder(
        {n: picture() for n in ("dog/a.jpg", "dog/wet/b.png", "sea/c.jpg", "stray.jpg")}
        | {"dog/._a.jpg": b"", "runs/x/config.json": b'{"config": {"format_version": 3}}'}
        | {"sea/config.json": b'{"config": 7}', "data/1/dataset_counts.json": b"{}"}
        | {"out/.copies.jsonl": b""}
        | {name: picture() for name in PASSED_OVER}
    )
    rows, findings = read(root, "folders")
    assert [(r["file_name"], r["labels"]) for r in rows] == [
        ("dog/a.jpg", ["dog"]),
        ("dog/wet/b.png", ["dog"]),
        ("sea/c.jpg", ["sea"]),
    ]
    assert findings.warnings[0].names == ("stray.jpg",)
    assert findings.warnings[1].text == (
        "7 pictures in hidden folders, folders of systems, runs, prepared data or annotated copies "
        "are passed over ('.git/x.jpg', '.thumbnails/b/c.jpg', '@eaDir/a.jpg/d.jpg', ...)"
    )
    folder({"annotations.csv": b"file_name,labels\n.git/x.jpg,dog\n"})
    assert ".git/x.jpg" in PictureFolder.read(root).names


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ("train/dog/a.jpg", "val/dog/b.jpg", "test/sea/c.jpg", "unlabeled/d.jpg"),
            "'test', 'train', 'val' are names of splits, but 'unlabeled' beside them are not",
        ),
        (("train/dog/a.jpg", "sea/b.jpg"), "'train' are names of splits, but 'sea'"),
        (("train/a.jpg", "bus/b.jpg"), None),
        (("train/a.jpg", "train/steam/c.jpg", "bus/b.jpg"), None),
    ],
)
def test_splits_beside_other_folders_are_refused(folder, names, says):
    _, findings = read(folder({name: picture() for name in names}), "folders")
    assert [says in p.text for p in findings.problems] == [True] * (says is not None)


def test_folders_of_splits_hold_the_labels_folders(folder):
    root = folder({n: picture() for n in ("train/dog/a.jpg", "val/sea/b.jpg", "train/c.jpg")})
    rows, findings = read(root, "folders")
    assert rows == [
        {"file_name": "train/dog/a.jpg", "labels": ["dog"], "split": "train"},
        {"file_name": "val/sea/b.jpg", "labels": ["sea"], "split": "validation"},
    ]
    assert findings.warnings[0].names == ("train/c.jpg",)


def test_one_folder_alone_is_no_set_of_labels(folder):
    _, findings = read(folder({"all/a.jpg": picture()}), "folders")
    assert "give each label a folder" in findings.problems[0].text


COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7},
        {"id": 2, "image_id": 1, "category_id": 7},
        {"id": 3, "image_id": 9, "category_id": 7},
    ],
    "categories": [{"id": 7, "name": "dog"}],
}
CAPTIONS = {
    "images": COCO["images"][:1],
    "annotations": [{"id": 1, "image_id": 1, "caption": "A dog."}],
}


def written(tmp_path, **documents):
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    return ",".join(str(tmp_path / f"{name}.json") for name in documents)


def test_coco_files_of_labels_and_captions_are_joined(tmp_path):
    rows, findings = read(tmp_path, "coco", written(tmp_path, labels=COCO, captions=CAPTIONS))
    assert rows == [{"file_name": "a.jpg", "labels": ["dog"], "captions": ["A dog."]}]
    assert [f.kind for f in findings.warnings] == [
        "annotation of no image",
        "picture left out, not annotated",
    ]


def test_an_annotation_with_a_caption_and_a_category_gives_both(tmp_path):
    both = {**COCO, "annotations": [{**COCO["annotations"][0], "caption": "A dog."}]}
    both["annotations"].append({"id": 2, "image_id": 2, "category_id": 7})
    both["annotations"].append({"id": 3, "image_id": 2, "caption": "Two dogs."})
    rows, findings = read(tmp_path, "coco", written(tmp_path, both=both))
    assert rows == [
        {"file_name": "a.jpg", "captions": ["A dog."], "labels": ["dog"]},
        {"file_name": "b.jpg", "labels": ["dog"], "captions": ["Two dogs."]},
    ]
    assert not findings.problems and not findings.warnings
    without = {**both, "categories": [], "annotations": both["annotations"][:1]}
    rows, findings = read(tmp_path, "coco", written(tmp_path, both=without))
    assert rows == [{"file_name": "a.jpg", "captions": ["A dog."]}]
    assert findings.warnings[0].kind == "category not listed"


def test_two_images_of_one_picture_are_refused(tmp_path):
    one = {**COCO, "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}]}
    _, findings = read(tmp_path, "coco", written(tmp_path, one=one))
    assert [p.kind for p in findings.problems] == ["picture of two images"]
    other = {**COCO, "categories": [{"id": 7, "name": "cat"}]}
    paths = written(tmp_path, train=COCO, val=other)
    _, findings = read(tmp_path, "coco", paths)
    first, second = paths.split(",")
    assert [p.text for p in findings.problems] == [
        f"1 pictures have labels in {first!r} and in {second!r} ('a.jpg'): write their folders "
        "into 'file_name', or join the files"
    ]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([1], "a JSON list, no object"),
        ({"images": []}, "no list 'annotations'"),
        ({**COCO, "annotations": [{"id": 1, "image_id": 1}]}, "category_id=None"),
        ({**COCO, "categories": []}, "category_id=7, no category's id"),
        ({**CAPTIONS, "annotations": [{"id": 1, "image_id": 1, "caption": 3}]}, "caption=3"),
    ],
)
def test_coco_files_of_another_form_are_refused_by_their_argument(tmp_path, document, says):
    with pytest.raises(ValueError, match=f"`annotations` must hold COCO's .*{says}"):
        read(tmp_path, "coco", written(tmp_path, bad=document))


def test_a_coco_file_that_is_missing_or_cut_short(tmp_path):
    with pytest.raises(ValueError, match=r"`annotations` must be a file"):
        read(tmp_path, "coco", tmp_path / "no.json")
    (tmp_path / "cut.json").write_text('{"images": [')
    with pytest.raises(ValueError, match=r"`annotations` must hold a whole .*: it is damaged"):
        read(tmp_path, "coco", tmp_path / "cut.json")


def test_the_form_is_chosen_by_what_is_there(folder, capsys):
    root = folder({"dog/a.jpg": picture(), "sea/b.jpg": picture()})
    assert choose_format(root, None, "auto") == "folders"
    assert choose_format(root, "x.csv", "auto") == "lines"
    folder({"sea/b.xmp": xmp("wave")})
    capsys.readouterr()
    assert choose_format(root, None, "auto") == "keywords"
    assert capsys.readouterr().err == (
        "Annotations are read from the pictures' keywords (on 1 of 2); the names of the folders "
        "are passed over (--format=folders reads them)\n"
    )
    assert choose_format(root, None, "folders") == "folders"
    folder({"annotations.csv": b"file_name,labels\n"})
    assert choose_format(root, None, "auto") == "lines"


def test_forms_that_do_not_fit_are_refused(folder):
    root = folder({"a.jpg": picture()})
    with pytest.raises(ValueError, match=r"`raw_dir` must say what is on the pictures: by a file"):
        choose_format(root, None, "auto")
    folder({"photos.csv": b"image,tags\n"})
    with pytest.raises(
        ValueError, match=r"`--annotations`, such as --annotations=.*/photos\.csv\."
    ):
        choose_format(root, None, "auto")
    with pytest.raises(ValueError, match=r"`annotations` must be left out with --format=keywords"):
        choose_format(root, "a.csv", "keywords")
    with pytest.raises(ValueError, match=r"`annotations` must name COCO's JSON file"):
        choose_format(root, None, "coco")


def builder_of(root, data_dir, **options):
    options = {"annotations": None, "format": "auto", **options}
    return Builder(data_dir=data_dir, **Builder.arguments(root, options))


def test_a_folder_a_label_becomes_a_data_set_that_knows_when_it_changes(folder, tmp_path, capsys):
    root = folder({f"{'dog' if i % 2 else 'sea'}/{i}.jpg": picture(i) for i in range(12)})
    prepare(builder_of(root, tmp_path / "data"), root)
    found = find_builder(tmp_path / "data", "custom")
    labels = {
        split: {label for a in read_annotations(found.data_dir, split) for label in a.labels}
        for split in found.info.splits
    }
    assert labels["train"] == {"dog", "sea"}
    assert set(labels) == {"train", "validation", "test"}
    prepare(builder_of(root, tmp_path / "data"), root)
    shutil.move(root / "dog/1.jpg", root / "sea/1.jpg")
    with pytest.raises(ValueError, match="`data_dir` holds 'custom' prepared with"):
        prepare(builder_of(root, tmp_path / "data"), root)
    assert "12 pictures" in capsys.readouterr().out
