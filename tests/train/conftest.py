"""Studies whose binaries are replaced by one that leaves what they would leave."""

import dataclasses
import json
import shutil

import pytest
from absl import flags
from absl.testing import flagsaver

from semreg_tf import config_io
from semreg_tf.experiments import studies
from train import study_job

OURS = studies.System("ours", "demo_captions/s_cnn_rnn")
DETACHED = studies.System(
    "detached",
    "demo_captions/s_cnn_rnn_detached",
    reused_stages=(("unary", "ours"), ("relational", "ours")),
    evaluations=(("beam 5", ("--config.decoding.beam_width=5",)),),
)


def write_config(folder, stage, given):
    """Writes the config.json that a training binary would, from its flags."""
    fields = {k.removeprefix("config."): v for k, v in given.items() if k.startswith("config.")}
    system = studies.System("any", given["experiment"], tuple("=".join(x) for x in fields.items()))
    config = dataclasses.replace(system, encoder=given.get("encoder")).config()
    if "unary" in given:
        encoder = config_io.load(f"{given['unary']}/config.json").encoder
        config = dataclasses.replace(config, encoder=encoder)
    about = json.loads((folder / "config.json").read_text())
    del about["config"]
    config_io.save(config, str(folder / "config.json"), **{**about, "stage": stage})


@pytest.fixture
def ran(monkeypatch, tmp_path, caption_runs):
    """Flags set for a study of two systems, and the list of the commands it runs."""
    commands = []

    def run(command):
        binary, arguments = command[2], command[3:]
        commands.append(" ".join([binary, *arguments]))
        given = dict(a.removeprefix("--").split("=", 1) for a in arguments)
        folder = tmp_path / (given.get("out") or given["workdir"])
        if binary.startswith("train"):
            shutil.copytree(caption_runs[0], folder)
            write_config(folder, binary.removeprefix("train.train_"), given)
        else:
            folder.mkdir(exist_ok=True, parents=True)
            scores = {"CIDEr": 0.5, "BLEU-4": 0.25, "perplexity": 2.0}
            results = {"task": "captions", "captions": scores}
            (folder / "results.json").write_text(json.dumps(results))
        return 0

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    monkeypatch.setattr(study_job.stopping, "run_child", run)
    jobs = tuple(studies.Job(system, seed) for seed in (0, 1) for system in (OURS, DETACHED))
    monkeypatch.setitem(studies.STUDIES, "two", lambda: studies.Study("two", jobs, "Little."))
    folders = {"out": str(tmp_path / "runs"), "results": str(tmp_path / "results")}
    with flagsaver.flagsaver(study="two", data_dir="data", **folders):
        yield commands, tmp_path / "results" / "two"
