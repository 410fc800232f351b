"""Every job of every study has a config, and takes only what it could have trained itself."""

import pytest

from semreg_tf import config_io
from semreg_tf.experiments import studies


@pytest.mark.parametrize("name", studies.STUDIES)
def test_every_job_has_a_config_and_a_place_of_its_own(name):
    study = studies.get(name)
    places = [(job.system.name, job.seed) for job in study.jobs]
    assert len(set(places)) == len(places)
    for job in study.jobs:
        config = job.system.config()
        assert config.stages
        purpose = {"coco128": "fit", "flickr8k_search": "search"}.get(name, "report")
        assert config.data.purpose == purpose


@pytest.mark.parametrize("name", studies.STUDIES)
def test_a_taken_stage_was_trained_as_the_system_itself_would_have(name):
    study = studies.get(name)
    owners = study if study.after is None else studies.get(study.after)
    for job in study.jobs:
        own = job.system.config()
        for stage, owner in job.system.takes:
            assert (owner, job.seed) in [(j.system.name, j.seed) for j in owners.jobs]
            theirs = owners.system(owner).config()
            assert stage in theirs.stages and stage in own.stages
            differing = config_io.differing_fields(own, theirs)
            # Of what the stage does not read, any difference is allowed.
            for field in ("data.test_split", "data.purpose"):
                differing.pop(field, None)
            differing.pop("data.label_order" if stage == "unary" else "data.num_user_tags", None)
            parts = {n.split(".")[0] for n in differing} - {"name", "table_row", "joint"}
            if stage == "unary":
                # The decoder and how it is fed take no part in it.
                parts -= {"conditionings", "decoder", "decoding", "relational", "stages"}
            else:
                # The ground truth replaces encoder and head; the gradient ends there anyway.
                parts -= {"encoder", "unary", "image", "concepts", "conditionings"}
            assert not parts, (job.system.name, stage, differing)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"`study` must be one of demo.* Received: study='dem'"):
        studies.get("dem")
    with pytest.raises(ValueError, match=r"`system` must be one of .*ours.* system='theirs'"):
        studies.get("demo").system("theirs")
