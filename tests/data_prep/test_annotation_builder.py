import json

import pytest
import tensorflow_datasets as tfds

from data_prep.annotation_builder import MAX_CAPTION_WORDS
from data_prep.flickr8k.flickr8k_dataset_builder import TOKEN_FILE, Builder
from data_prep.preparation import prepare
from semreg_tf.data.annotations import read_annotations
from semreg_tf.data.records import COUNTS_FILE


class VariantBuilder(Builder):
    VARIANTS = (tfds.core.BuilderConfig(name="small", description="The same."),)


def replace_captions(raw_dir, name, captions):
    path = raw_dir / TOKEN_FILE
    lines = [line for line in path.read_text().splitlines() if not line.startswith(name)]
    lines += [f"{name}#{n}\t{caption}" for n, caption in enumerate(captions)]
    path.write_text("\n".join(lines) + "\n")


def test_captions_that_went_astray_are_left_out_and_noted(flickr8k_raw_dir, tmp_path):
    longest = " ".join(["far"] * MAX_CAPTION_WORDS)
    replace_captions(flickr8k_raw_dir, "1000_0000.jpg", [longest, "dog " * 500, "", "A dog ."])
    replace_captions(flickr8k_raw_dir, "1001_0001.jpg", [" ", "dog " * 500])
    builder = Builder(data_dir=tmp_path)
    prepare(builder, flickr8k_raw_dir)
    notes = json.loads((builder.data_path / COUNTS_FILE).read_text())["notes"]
    assert notes["caption of more than 200 words"] == ["1000_0000.jpg", "1001_0001.jpg"]
    assert notes["caption empty"] == ["1000_0000.jpg", "1001_0001.jpg"]
    assert notes["image without a usable caption"] == ["1001_0001.jpg"]
    captions = {a.file_name: a.captions for a in read_annotations(builder.data_dir, "train")}
    assert captions["1000_0000.jpg"] == (longest, "A dog .")
    assert "1001_0001.jpg" not in captions


def test_a_variant_has_a_folder_of_its_own_and_the_main_form_has_none(tmp_path, caplog):
    main, variant = (VariantBuilder(data_dir=tmp_path, config=c) for c in (None, "small"))
    folder = tmp_path / "variant_builder"
    assert main.data_path == folder / "1.0.0"
    assert variant.data_path == folder / "small" / "1.0.0"
    VariantBuilder(data_dir=tmp_path, config=VariantBuilder.VARIANTS[0])
    assert "custom" not in caplog.text
    with pytest.raises(ValueError, match="BuilderConfig large not found"):
        VariantBuilder(data_dir=tmp_path, config="large")
