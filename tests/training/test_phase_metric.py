"""The figure that chooses a phase's best checkpoint: free-running, of what the phase trains."""

import json

import pytest

from semreg_tf.evaluation.runs.evaluated_run import EvaluatedRun
from semreg_tf.training.phase_metric import concept_metric
from semreg_tf.training.phases import find_stage


def test_a_metric_of_a_part_measures_another_quantity():
    quantities = {concept_metric("tags", part).quantity for part in ("image", "tags", "all")}
    assert len(quantities) == 3


@pytest.mark.parametrize("task", ["tags", "captions"])
def test_an_evaluated_run_has_the_figure_that_its_validation_wrote(
    task, tag_run, caption_runs, demo_data
):
    path = tag_run if task == "tags" else caption_runs[0]
    run = EvaluatedRun(path, demo_data)
    (phase,) = find_stage(run.config, "joint").phases
    written = json.loads((path / "history.jsonl").read_text().splitlines()[-1])
    images = run.config.joint.validation_images
    evaluation = phase.metric.evaluator.run(run, run.split(f"validation[:{images}]"))
    value = phase.metric.value(evaluation)
    assert value == pytest.approx(written[phase.metric.name], rel=1e-4)
    assert value == evaluation.main[phase.metric.name]
