import pytest

from data_prep.nus_wide.image_list import Photo, find_pictures, read_image_list


def test_slashes_and_line_ends_of_both_kinds(tmp_path):
    path = tmp_path / "Imagelist.txt"
    path.write_bytes(b"actor\\0001_2124494179.jpg\r\nold car/0002_99.jpg \n\r\n\n")
    photos = read_image_list(path)
    assert photos == [
        Photo("2124494179", "actor", "0001_2124494179.jpg"),
        Photo("99", "old car", "0002_99.jpg"),
    ]
    assert photos[0].name == "actor/0001_2124494179.jpg"


@pytest.mark.parametrize("line", ["0001_212.jpg", "actor\\0001_212.png", "actor\\none.jpg"])
def test_other_lines_are_refused_by_number(tmp_path, line):
    path = tmp_path / "Imagelist.txt"
    path.write_text(f"actor\\0001_212.jpg\n{line}\n")
    with pytest.raises(ValueError, match=r"lines `folder\\number_id.jpg`.*Imagelist.txt', line 2:"):
        read_image_list(path)


def test_pictures_are_found_in_either_layout(tmp_path):
    photos = [Photo(str(i), "a" if i % 2 else "b", f"000{i}_{i}.jpg") for i in range(5)]
    for path in ("Flickr/a/0001_1.jpg", "images/1.jpg", "images/2.jpg", "Flickr/a/0000_0.jpg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert find_pictures(tmp_path, photos) == {"1": "Flickr/a/0001_1.jpg", "2": "images/2.jpg"}


def test_no_folder_of_pictures_is_no_error(tmp_path):
    assert find_pictures(tmp_path, [Photo("1", "a", "0001_1.jpg")]) == {}
