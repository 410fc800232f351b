"""Every job of every study has a config, and takes only what it could have trained itself."""

import dataclasses

import pytest

from semreg_tf import config_io
from semreg_tf.experiments import studies
from semreg_tf.training.stage_settings import differing_settings

LITE0 = "efficientnet_lite0"
REWARDED = "ours, 200 reward steps"
WITH_CNNS = [(name, None) for name in studies.STUDIES]
WITH_CNNS += [(name, LITE0) for name in studies.ENCODER_STUDIES]


@pytest.mark.parametrize(("name", "encoder"), WITH_CNNS)
def test_every_job_has_a_config_and_a_place_of_its_own(name, encoder):
    study = studies.get(name, encoder)
    places = [(job.system.name, job.seed) for job in study.jobs]
    assert len(set(places)) == len(places)
    for job in study.jobs:
        config = job.system.config()
        assert config.stages
        purpose = "search" if name.endswith("_search") else "report"
        purpose = "fit" if name == "coco128" else purpose
        assert config.data.purpose == purpose


@pytest.mark.parametrize(("name", "encoder"), WITH_CNNS)
def test_a_taken_stage_was_trained_as_the_system_itself_would_have(name, encoder):
    study = studies.get(name, encoder)
    owners = study
    if study.after is not None:
        before = study.after if study.after in studies.STUDIES else name.removesuffix("_search")
        owners = studies.get(before, encoder)
        assert owners.name == study.after
    earlier = [(j.system.name, j.seed) for j in owners.jobs] if owners is not study else None
    for number, job in enumerate(study.jobs):
        own = job.system.config()
        # A study that continues another takes from both.
        here = [(j.system.name, j.seed) for j in study.jobs[:number]]
        for stage, owner in job.system.reused_stages:
            place = owner, job.seed
            if earlier is None:
                assert place in [(j.system.name, j.seed) for j in study.jobs]
            else:
                assert place in earlier or place in here
            theirs = (owners if earlier and place in earlier else study).system(owner).config()
            assert stage in theirs.stages and stage in own.stages
            assert not differing_settings(own, theirs, stage)
            differing = config_io.differing_fields(own, theirs)
            # Of what the stage does not read, any difference is allowed.
            for field in ("data.test_split", "data.purpose"):
                differing.pop(field, None)
            differing.pop("data.label_order" if stage == "unary" else "data.num_user_tags", None)
            parts = {n.split(".")[0] for n in differing} - {"name", "table_row", "joint"}
            if stage == "unary":
                # The decoder and how it is fed take no part in it.
                parts -= {
                    "conditionings",
                    "decoder",
                    "decoding",
                    "relational",
                    "sampling",
                    "stages",
                }
            else:
                # The ground truth replaces encoder and head; the gradient ends there anyway.
                parts -= {"encoder", "unary", "image", "concepts", "conditionings"}
            assert not parts, (job.system.name, stage, differing)


@pytest.mark.parametrize("name", studies.STUDIES)
def test_a_stage_that_a_system_starts_from_was_trained_before(name):
    study = studies.get(name)
    done = set()
    for job in study.jobs:
        if job.system.starts_from is not None:
            stage, source = job.system.starts_from
            assert (source, job.seed) in done
            own, theirs = job.system.config(), study.system(source).config()
            assert stage in theirs.stages and theirs.encoder.trainable
            # The CNN stays as the other system left it; the reward phase trains the decoder alone.
            assert not own.encoder.trainable or (own.joint.steps == 0 and own.joint.reward_steps)
            assert (own.encoder.name, own.image) == (theirs.encoder.name, theirs.image)
            assert not job.system.reused_stages
        done.add((job.system.name, job.seed))


@pytest.mark.parametrize(
    ("name", "overrides"), [("ours 2x", ()), ("OURS, 2x", ()), ("ours, 2x", ("joint.steps=7",))]
)
def test_two_systems_do_not_share_a_folder(name, overrides):
    system = studies.System("ours, 2x", "demo_tags/s_cnn_rnn")
    other = studies.System(name, "demo_tags/s_cnn_rnn", overrides)
    with pytest.raises(ValueError, match=r"`jobs` .* folder 'ours_2x': rename one. Received: 'our"):
        studies.Study("mine", (studies.Job(system, 0), studies.Job(other, 0)), "")
    again = dataclasses.replace(system, evaluations=(("beam 5", ()),))
    studies.Study("mine", (studies.Job(system, 0), studies.Job(again, 1)), "")


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"`study` must be one of demo.* Received: study='dem'"):
        studies.get("dem")
    with pytest.raises(ValueError, match=r"`system` must be one of .*ours.* system='theirs'"):
        studies.get("demo").system("theirs")


def test_another_cnn_makes_a_study_of_its_own_name_and_the_same_systems():
    own, study = studies.get("flickr8k"), studies.get("flickr8k", LITE0)
    assert study.name == "flickr8k_lite0"
    assert studies.get("flickr8k", f"{LITE0}:average_max").name == "flickr8k_lite0_average_max"
    seeds = {}
    for job in study.jobs:
        seeds.setdefault(job.system.name, []).append(job.seed)
    thrice = ("ours", "NIC-deeply", "NIC-F", "detached", "ours, frozen CNN", REWARDED)
    fixed = tuple(f"{n}, fixed statistics" for n in ("ours", "NIC-deeply", "NIC-F"))
    once = ("from scratch", "m-RNN", "soft attention", *fixed)
    assert seeds == {**{s: [0, 1, 2] for s in thrice}, **{s: [0] for s in once}}
    assert study.system("soft attention").config().encoder.trainable
    for name in fixed:
        assert not study.system(name).config().joint.update_batch_norm
    assert study.system(REWARDED).config().joint.reward_steps == 200
    for name in set(seeds) - {"soft attention", REWARDED, *fixed}:
        config, theirs = study.system(name).config(), own.system(name).config()
        assert (config.encoder.name, config.encoder.weights) == (LITE0, "imagenet")
        assert config.encoder.pooling == "native"
        differing = config_io.differing_fields(config, theirs)
        stages = ("relational", "joint")
        assert set(differing) == {
            *("encoder.name", "encoder.weights", "encoder.pooling"),
            *(f"{stage}.validation_images" for stage in stages),
        }
        # All 500 kept pictures choose.
        assert [getattr(config, stage).validation_images for stage in stages] == [None, None]
        assert config.precision == "auto"


def test_studies_of_a_fixed_cnn_take_no_other():
    with pytest.raises(ValueError, match=r"only for the studies flickr8k, .*study='coco128'"):
        studies.get("coco128", LITE0)


def test_competitors_decoders_read_equally_many_captions_of_a_frozen_cnn():
    study = studies.get("flickr8k_competitors")
    read = {}
    for job in study.jobs:
        config = job.system.config()
        assert not config.encoder.trainable and config.joint.schedule == "cosine"
        joint = config.joint.steps + config.joint.decoder_only_steps
        relational = config.relational.steps if "relational" in config.stages else 0
        captions = config.data.captions_per_image
        read[job.system.name] = 32 * (relational + captions * joint)
    assert set(read.values()) == {76_800}
    alone, five = study.system("ATT"), study.system("ATT x5")
    assert five.config() == alone.config()
    assert five.members == tuple(("ATT", seed) for seed in range(5))
    trained = [(job.system.name, job.seed) for job in study.jobs]
    for name in ("NICv2 x5", "ATT x5"):
        members = study.system(name).members
        assert max(map(trained.index, members)) < trained.index((name, 0))


def test_recipes_differ_from_one_run_in_what_their_names_say():
    first = studies.get("flickr8k_words").system("ours, 5,500 pictures").config()
    changed = {}
    for job in studies.get("flickr8k_recipes").jobs:
        fields = config_io.differing_fields(job.system.config(), first)
        changed[job.system.name] = set(fields) - {"joint.validate_every_steps"}
    assert changed == {
        "800 joint steps": {"joint.steps"},
        "1,600 joint steps": {"joint.steps"},
        "average and maximum pooling": {"joint.steps", "encoder.pooling"},
        "noisy-or over cells": {"joint.steps", "concepts.places.kind", "concepts.places.pooling"},
        "label smoothing .1": {"joint.steps", "decoder.label_smoothing"},
        "scheduled sampling": {"joint.steps", "sampling.schedule"},
        "two views": {"joint.steps", "image.test_views"},
        "averaged weights": {"joint.steps", "joint.average_decay"},
        "concept dropout .1": {"joint.steps", "decoder.concept_dropout"},
        "concept dropout .1, 200 reward steps": {
            *("joint.steps", "decoder.concept_dropout", "joint.reward_steps")
        },
        "smoothing, 1,600 joint steps, averaged weights, two views": {
            *("joint.steps", "decoder.label_smoothing", "joint.average_decay", "image.test_views")
        },
    }


def test_rates_are_searched_alike_on_pictures_that_choose():
    rates = {}
    for job in studies.get("flickr8k_rates_search").jobs:
        config = job.system.config()
        assert job.seed == 0 and config.data.test_split == "train[5500:]"
        assert not config.encoder.trainable and config.joint.validation_images is None
        name, *_ = job.system.name.split(",")
        stages = [getattr(config, s).learning_rate for s in config.stages if s != "unary"]
        rates.setdefault(name, []).append(tuple(stages))
    joint = (1e-3, 2.5e-4, 5e-4, 2e-3)
    two_stages = [*((1e-3, rate) for rate in joint), (5e-4, 1e-3), (2e-3, 1e-3)]
    assert rates["ours"] == rates["NIC-F"] == two_stages
    assert sorted(rates["m-RNN"]) == [(rate,) for rate in sorted(joint)]


def test_systems_on_corel5k_have_equally_many_steps_on_images():
    for job in studies.get("corel5k").jobs:
        config = job.system.config()
        stages = [getattr(config, name) for name in config.stages if name != "relational"]
        wanted = 2_250 if job.system.name.endswith(", frozen CNN") else 1_250
        assert sum(stage.steps for stage in stages) == wanted, job.system.name
        assert stages[-1].validate_every_steps == 250


def test_fine_tuned_decoders_on_corel5k_are_combined_with_less_weight_too():
    combined = ("--config.decoding.combine_weight=0.1",)
    for system in {job.system.name: job.system for job in studies.get("corel5k").jobs}.values():
        config, flags = system.config(), [flags for _, flags in system.evaluations]
        has_both = config.concepts.supervised and config.stages[-1] == "joint"
        wanted = has_both and config.encoder.trainable
        assert (combined in flags) == wanted, system.name
