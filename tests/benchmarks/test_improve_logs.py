"""The logs by which the promise of ``sandbox improve`` is measured."""

import json
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.families import improve
from benchmarks.families._logs import FAULTS, Behaviour, Recorder, cart_pole_task, junction_task
from sandbox.improvement.checks import require_sound

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def junction():
    pytest.importorskip("sumolib")
    task = junction_task()
    return replace(task, behaviour=lambda seed: replace(task.behaviour(seed), episodes=24))


def test_a_log_of_the_junction_is_sound_and_keeps_to_its_masks(junction):
    dataset = junction.log(junction.behaviour(1000), 1000)
    require_sound(dataset, junction.spaces[1], junction.spaces[0], junction.reference)
    steps = dataset.batch(slice(None))
    assert np.take_along_axis(steps.mask, steps.action[:, None], 1).all()
    choices = steps.mask.sum(1)
    assert 0.1 < (choices > 1).mean() < 0.9
    assert (steps.probability[choices == 1] == 1).all()
    begins = dataset.observations[dataset.starts + np.arange(24)]
    assert begins.any(axis=0).sum() > 40, "traffic is on the road at the start"


def test_what_the_junction_is_judged_by_is_the_same_traffic_for_both(junction):
    behaviour = junction.behaviour(1001)
    first, again = (junction.play(behaviour, behaviour, 3, 5) for _ in range(2))
    assert (first.rewards == again.rewards).all()
    other = junction.play(junction.other(1001), behaviour, 3, 5)
    starts, others = (each.observations[each.starts + np.arange(3)] for each in (first, other))
    assert (starts == others).all(), "the start-up is the behaviour's"
    assert (first.rewards != other.rewards).any()


def test_one_log_of_the_junction_is_judged(junction):
    result = improve.outcome(junction, 1001, judged=4)
    assert result["refused"] is None
    assert set(result["reasons"]) == {"the behaviour's mode", "lspi"}
    if result["deployed"] is not None:
        assert result["reasons"][result["deployed"]] == "its lower bound is above the behaviour's return"
        assert result["policy"] < 0 > result["behaviour"]


@pytest.mark.parametrize("fault", ["rewards in another unit, last third", "actions of another task"])
def test_spoiled_logs_of_the_junction_are_refused(junction, fault):
    sound = junction.log(replace(junction.behaviour(1000), episodes=40), 1000)
    assert not improve._refused(junction, sound)
    assert improve._refused(junction, FAULTS[fault](junction, sound, 1000))


def test_probabilities_are_those_of_the_draws():
    always = Behaviour(lambda seen, mask: np.full(len(seen), 2), 0.4, 1)
    recorder = Recorder(always, np.random.default_rng(0), 4)
    mask = np.tile([True, False, True, True], (30_000, 1))
    action, probability = recorder.choose(np.zeros((30_000, 1)), mask)
    for choice, expected in ((0, 0.4 / 3), (2, 0.6 + 0.4 / 3), (3, 0.4 / 3)):
        assert (action == choice).mean() == pytest.approx(expected, abs=0.01)
        assert probability[action == choice] == pytest.approx(expected)
    assert not (action == 1).any()


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch):
    made = []

    def outcome(task, seed, judged):
        made.append(seed)
        return {"refused": None, "deployed": "mode", "policy": 2.0, "behaviour": 1.0}

    monkeypatch.setattr(improve, "outcome", outcome)
    chosen = Namespace(datasets=2, spoiled=0, first=0, tasks="CartPole", store=tmp_path)
    improve.measure(chosen)
    with (tmp_path / "improve.jsonl").open("a") as file:
        file.write('\n{"name": "CartPole 2", "res')  # stopped while writing
    document, lines = improve.measure(Namespace(**{**vars(chosen), "datasets": 4}))
    assert made == [0, 1, 2, 3]
    assert len(document["CartPole"]) == 4
    assert "| CartPole | 4 | 0 | 4 | 0.0 % | 0.0 % | 100.0 % | 1.0 |" in lines
    kept = (tmp_path / "improve.jsonl").read_text().splitlines()
    assert json.loads(kept[-1])["name"] == "CartPole 3"
    improve.measure(Namespace(**{**vars(chosen), "datasets": 4}))
    assert made == [0, 1, 2, 3], "nothing is lost to the line that was cut off"


def test_the_other_behaviour_of_a_drifting_log_is_another():
    task = cart_pole_task()
    seen = np.random.default_rng(0).standard_normal((50, 4))
    assert (task.behaviour(3).act(seen, None) != task.other(3).act(seen, None)).all()


def test_a_policy_that_does_the_same_is_neither_better_nor_worse():
    rows = [
        {"refused": None, "deployed": "mode", "policy": 200.0, "behaviour": each} for each in (200.0, 190.0)
    ]
    assert improve._line("CartPole", rows) == "| CartPole | 2 | 0 | 2 | 0.0 % | 0.0 % | 50.0 % | 5.0 |"
