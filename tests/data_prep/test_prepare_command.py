"""The prepare commands from the shell, and one by one what they share."""

import inspect

import pytest

from data_prep.annotation_builder import AnnotationBuilder
from data_prep.custom.custom_dataset_builder import CustomOptions
from data_prep.datasets import DATASETS, options_of


@pytest.mark.parametrize("name", DATASETS)
def test_what_a_data_set_declares_is_what_its_builder_takes(name):
    options = DATASETS[name]
    builder = options.builder_class()
    # A builder hands on what its base takes.
    arguments = {
        **inspect.signature(AnnotationBuilder.__init__).parameters,
        **inspect.signature(builder.__init__).parameters,
    }
    if name == "custom":
        arguments |= inspect.signature(CustomOptions).parameters
    assert options.raw_files == builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    variants = [option for option in options.options if option.is_variant]
    # The default is the data set's main form, which is no variant.
    choices = [x for option in variants for x in option.choices if x != option.default]
    assert choices == [variant.name for variant in builder.VARIANTS]
    assert all(option.required == (option.default is None) for option in variants)
    for option in options.options:
        if option not in variants:
            assert arguments[option.name].default == option.default


def test_an_unknown_data_set_is_named_with_a_hint():
    message = r"did you mean 'flickr8k'\? Known: custom, demo, .* Received: --dataset=flikr8k"
    with pytest.raises(ValueError, match=message):
        options_of("flikr8k")
    # Experiments and papers name the variant.
    with pytest.raises(ValueError, match=r"it is --dataset=image_annotation --variant=corel5k\. "):
        options_of("corel5k")


def test_a_data_set_is_prepared_by_name_or_by_its_alias(run_command, flickr8k_raw_dir, tmp_path):
    arguments = (f"--raw_dir={flickr8k_raw_dir}", f"--data_dir={tmp_path}")
    done = run_command("prepare", "--dataset=flickr8k", *arguments)
    assert done.returncode == 0, done.stderr
    assert "split left out" not in done.stdout
    assert "broken name in the token file: 1" in done.stdout
    again = run_command("prepare_flickr8k", *arguments)
    assert again.stdout == done.stdout[done.stdout.index("flickr8k/1.0.0\n") :]


@pytest.mark.large
def test_a_missing_folder_is_one_line(run_command, tmp_path):
    arguments = (f"--raw_dir={tmp_path}/no", f"--data_dir={tmp_path}")
    failed = run_command("prepare_flickr8k", *arguments)
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("error: `raw_dir` must be the folder that")
    assert "Traceback" not in failed.stderr


@pytest.mark.large
def test_build_vocabulary_counts_another_split(run_command, flickr8k_raw_dir, tmp_path):
    run_command("prepare_flickr8k", f"--raw_dir={flickr8k_raw_dir}", f"--data_dir={tmp_path}")
    arguments = (f"--data_dir={tmp_path}", "--dataset=flickr8k", "--train_split=validation")
    done = run_command("build_vocabulary", *arguments)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "flickr8k" / "1.0.0" / "vocabulary" / "words.txt"
    assert "dog\t10\n" in path.read_text()
