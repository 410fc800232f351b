import shutil

import pytest

from data_prep.nus_wide.raw_set import read_raw_set

# The fixture writer's rules, once more: image 5 of 24 is the only map, every third shows a dog.
CONCEPTS = ["sky", "map", "dog", "person"]


def test_rows_of_the_image_list(nus_wide_raw_dir):
    raw_set = read_raw_set(nus_wide_raw_dir)
    assert len(raw_set.photos) == 24
    assert raw_set.photos[5].name == "map_room/0005_2124000035.jpg"
    assert raw_set.concepts == CONCEPTS
    assert raw_set.labels[:, 1].nonzero()[0].tolist() == [5]
    assert raw_set.labels[:, 2].nonzero()[0].tolist() == list(range(0, 24, 3))
    assert raw_set.user_tags[:4] == [("blue", "fun", "red"), (), ("blue",), ("fun",)]
    assert raw_set.tag_source.endswith("All_Tags.txt: image ids with their tags as words")


def test_labels_by_the_official_lists_are_the_same(nus_wide_raw_dir):
    labels = read_raw_set(nus_wide_raw_dir).labels
    shutil.rmtree(nus_wide_raw_dir / "Groundtruth" / "AllLabels")
    assert (read_raw_set(nus_wide_raw_dir).labels == labels).all()


def test_every_word_can_be_kept(nus_wide_raw_dir):
    tags = read_raw_set(nus_wide_raw_dir, "every").user_tags
    assert tags[:3] == [("nikon", "blue", "fun", "red"), ("nikon",), ("nikon", "blue")]


def test_the_official_1k_in_each_of_its_files(nus_wide_raw_dir):
    tags = read_raw_set(nus_wide_raw_dir).user_tags
    raw_set = read_raw_set(nus_wide_raw_dir, "1k")
    assert raw_set.user_tags == tags
    assert raw_set.tag_source == "NUS_WID_Tags/AllTags1k.txt"
    (nus_wide_raw_dir / "NUS_WID_Tags" / "AllTags1k.txt").unlink()
    raw_set = read_raw_set(nus_wide_raw_dir, "1k")
    assert raw_set.user_tags == tags
    assert "Train_Tags1k.dat" in raw_set.tag_source


def test_all_tags_may_be_a_matrix(nus_wide_raw_dir):
    tags = read_raw_set(nus_wide_raw_dir).user_tags
    folder = nus_wide_raw_dir / "NUS_WID_Tags"
    shutil.copy(folder / "AllTags1k.txt", folder / "All_Tags.txt")
    raw_set = read_raw_set(nus_wide_raw_dir)
    assert raw_set.user_tags == tags
    assert raw_set.tag_source.endswith("All_Tags.txt: a matrix of 0 and 1")


def test_no_tags_need_no_files(nus_wide_raw_dir):
    shutil.rmtree(nus_wide_raw_dir / "NUS_WID_Tags")
    assert read_raw_set(nus_wide_raw_dir, "none").user_tags == [()] * 24


@pytest.mark.parametrize(
    ("lost", "user_tags", "message"),
    [
        ("ImageList/Imagelist.txt", "final", "there is no ImageList/Imagelist.txt"),
        ("ConceptsList/Concepts81.txt", "final", "there is no ConceptsList/Concepts81.txt"),
        ("NUS_WID_Tags/All_Tags.txt", "final", "there is no NUS_WID_Tags/All_Tags.txt"),
        ("NUS_WID_Tags/Final_Tag_List.txt", "every", "there is no NUS_WID_Tags/Final_Tag_List.txt"),
        ("NUS_WID_Tags/TagList1k.txt", "1k", "there is no NUS_WID_Tags/TagList1k.txt"),
        ("Groundtruth/AllLabels/Labels_dog.txt", "none", "it lacks Labels_dog.txt"),
    ],
)
def test_what_is_missing_is_named(nus_wide_raw_dir, lost, user_tags, message):
    (nus_wide_raw_dir / lost).unlink()
    with pytest.raises(ValueError, match=message):
        read_raw_set(nus_wide_raw_dir, user_tags)


def test_lists_of_other_photos_are_refused(nus_wide_raw_dir):
    shutil.rmtree(nus_wide_raw_dir / "Groundtruth" / "AllLabels")
    with open(nus_wide_raw_dir / "ImageList" / "TrainImagelist.txt", "a") as file:
        file.write("actor\\0001_9.jpg\n")
    with pytest.raises(
        ValueError, match=r"1 are not in it, such as actor/0001_9.jpg.*TrainImagelist"
    ):
        read_raw_set(nus_wide_raw_dir)


def test_a_list_shorter_than_its_labels_is_refused(nus_wide_raw_dir):
    path = nus_wide_raw_dir / "ImageList" / "Imagelist.txt"
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:20]))
    with pytest.raises(ValueError, match=r"list of 20 images.*Labels_sky.txt 24, Labels_map.txt"):
        read_raw_set(nus_wide_raw_dir)


def test_other_choices_of_tags_are_refused(nus_wide_raw_dir):
    with pytest.raises(
        ValueError, match=r"one of final, every, 1k, none. Received: user_tags='5k'"
    ):
        read_raw_set(nus_wide_raw_dir, "5k")
