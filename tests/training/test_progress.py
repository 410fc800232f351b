"""How far a stage has come: one phase's patience is no other's, and old checkpoints are read."""

import json
from types import SimpleNamespace

import pytest

from semreg_tf.training.progress import Progress


def plan(name, steps, quantity="O-F1"):
    return SimpleNamespace(name=name, steps=steps, metric=SimpleNamespace(quantity=quantity))


TAGS, HEAD, ALL = plan("tags", 4, "O-F1 of the tags"), plan("head", 6), plan("all", 8)
PHASES = (TAGS, HEAD, ALL)


def judged(phases_and_values):
    """Takes a step and a validation for each value."""
    progress, best = Progress(), []
    for phase, value in phases_and_values:
        progress.begin(phase).steps += 1
        best.append(progress.judge(phase, "O-F1", value))
    return progress, best


def test_every_phase_has_its_own_best_value_and_count():
    progress, _ = judged([(TAGS, 0.9), (TAGS, 0.8), (HEAD, 0.1), (HEAD, 0.3), (HEAD, 0.2)])
    tags, head = progress.phases
    assert (tags.best_value, tags.without_rise, tags.steps) == (0.9, 1, 2)
    assert (head.best_value, head.without_rise, head.steps) == (0.3, 1, 3)
    assert progress.step == 5


def test_the_checkpoint_is_chosen_among_phases_that_measure_the_same():
    _, best = judged([(TAGS, 0.9), (HEAD, 0.1), (HEAD, 0.3), (ALL, 0.2), (ALL, 0.4)])
    assert best == [True, True, True, False, True]


def test_a_phase_that_does_worse_than_the_one_before_still_has_a_best_of_its_own():
    progress, best = judged([(HEAD, 0.5), (ALL, 0.2), (ALL, 0.3)])
    assert best == [True, False, False]
    assert (progress.phases[-1].best_value, progress.phases[-1].without_rise) == (0.3, 0)


def test_progress_goes_through_json():
    progress, _ = judged([(TAGS, 0.9), (HEAD, 0.1)])
    progress.phases[0].ended, progress.elapsed_secs = "patience", 1.5
    state = {"step": 2, **json.loads(json.dumps(progress.to_state()))}
    assert Progress.from_state(state, PHASES) == progress


def test_what_remains_begins_with_the_current_phase():
    assert Progress().remaining(PHASES) == PHASES
    progress, _ = judged([(TAGS, 0.9), (HEAD, 0.1)])
    assert progress.remaining(PHASES) == (HEAD, ALL)


def stands_at(*phases):
    """A run of the phases, stopped in the last, as its checkpoint gives it back."""
    progress, _ = judged([(phase, 0.5) for phase in phases])
    return Progress.from_state(json.loads(json.dumps(progress.to_state())), PHASES)


def test_the_steps_of_the_current_phase_and_of_later_ones_may_change():
    longer, others = plan("head", 9), plan("all", 3)
    assert stands_at(TAGS, HEAD).remaining((TAGS, longer, others)) == (longer, others)
    assert stands_at(TAGS, HEAD).remaining((TAGS, HEAD)) == (HEAD,)
    # So may those of a phase that a run left out.
    assert stands_at(HEAD).remaining((HEAD, ALL)) == (HEAD, ALL)


@pytest.mark.parametrize("steps", [0, 3, 5])
def test_the_steps_of_a_phase_before_the_current_one_may_not_change(steps):
    phases = (*((plan("tags", steps),) if steps else ()), HEAD, ALL)
    told = rf"`steps` must stay 4 for the phase 'tags': .*'head' after .*Received: steps={steps}$"
    with pytest.raises(ValueError, match=told):
        stands_at(TAGS, HEAD).remaining(phases)


def test_a_phase_is_not_added_before_the_current_one():
    with pytest.raises(ValueError, match=r"`steps` must stay 0 for the phase 'tags'"):
        stands_at(HEAD).remaining(PHASES)


def test_the_current_phase_is_not_left_out():
    with pytest.raises(ValueError, match=r"`steps` must be above 0 for the phase 'head'"):
        stands_at(TAGS, HEAD).remaining((TAGS, ALL))


def test_a_checkpoint_without_planned_steps_goes_on():
    state = stands_at(TAGS, HEAD).to_state()
    for phase in state["phases"]:
        del phase["planned"]
    assert Progress.from_state(state, PHASES).remaining(PHASES) == (HEAD, ALL)


def test_under_other_conditions_best_value_and_patience_start_again(caplog):
    few, many = ({"validation_images": n, "decoding": {"beam_width": 3}} for n in (1, 8))
    progress = Progress()
    progress.begin(HEAD)
    best = [progress.judge(HEAD, "O-F1", value, few) for value in (0.9, 0.8)]
    progress = Progress.from_state(json.loads(json.dumps(progress.to_state())), PHASES)
    assert progress.phases[-1].without_rise == 1
    with caplog.at_level("INFO"):
        best += [progress.judge(HEAD, "O-F1", value, many) for value in (0.3, 0.2)]
    assert best == [True, False, True, False]
    assert (progress.best_value, progress.phases[-1].best_value) == (0.3, 0.3)
    assert progress.phases[-1].without_rise == 1
    (told,) = caplog.messages
    assert told.startswith("Validations differ in validation_images (8, before 1): ")


def test_a_checkpoint_without_conditions_counts_as_unchanged():
    state = stands_at(HEAD).to_state()
    del state["conditions"]
    progress = Progress.from_state(state, PHASES)
    assert not progress.judge(HEAD, "O-F1", 0.4, {"validation_images": 8})
    assert (progress.best_value, progress.conditions) == (0.5, {"validation_images": 8})


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        (1, [1]),
        (4, [4]),
        (5, [4, 1]),
        (10, [4, 6]),
        (17, [4, 6, 7]),
        (18, [4, 6, 8]),
        # The last phase had more steps when the checkpoint was written.
        (30, [4, 6, 20]),
    ],
)
def test_a_checkpoint_from_before_phases_were_noted_stands_where_it_was_planned(step, steps):
    state = {"step": step, "elapsed_secs": 2.0, "best_value": 0.7, "without_rise": 1}
    progress = Progress.from_state(state, PHASES)
    assert [phase.steps for phase in progress.phases] == steps
    assert (progress.step, progress.elapsed_secs, progress.best_value) == (step, 2.0, 0.7)
    last = progress.phases[-1]
    assert (last.best_value, last.without_rise) == (0.7, 1)
    assert progress.quantity == PHASES[len(steps) - 1].metric.quantity
