"""Off-policy estimates of a bandit and of a chain whose values are known."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox.improvement.chains import chained
from sandbox.improvement.estimators import (
    Decisions,
    behaviour,
    explained,
    fitted_q,
    importance_sampling,
    log_of,
    ratios,
    weighted_doubly_robust,
    weighted_importance_sampling,
)
from sandbox.improvement.judge import judge
from sandbox.statistics.linear_q import Steps


def walk(episodes, length=1, share=0.5, seed=0, noise=0.1):
    """Two arms, of which 1 pays 1 and 0 pays 0, pulled with probabilities 1 - share and share, many times."""
    rng = np.random.default_rng(seed)
    count = episodes * length
    action = (rng.random(count) < share).astype(np.int64)
    last = np.zeros(count, bool)
    last[length - 1 :: length] = True
    seen = rng.uniform(-1, 1, (count, 1))
    return Steps(
        seen=seen,
        following=np.roll(seen, -1, 0),
        action=action,
        reward=action + noise * rng.standard_normal(count),
        goes_on=(~last).astype(float),
        episode=np.repeat(np.arange(episodes), length),
        count=2,
    ), np.where(action == 1, share, 1 - share)


def always(arm, steps):
    actions = np.full(len(steps), arm)
    return Decisions(actions, actions)


def test_all_estimators_agree_on_a_bandit():
    steps, probability = walk(400)
    log = log_of(steps, probability, 0.9, 4, 0)
    decisions = always(1, steps)
    value, difference, theta = fitted_q(log, decisions, 50, 0)
    ratio = ratios(log, decisions)
    assert set(np.round(ratio, 6)) == {0.0, 2.0}
    estimates = [
        value,
        weighted_doubly_robust(log, decisions, theta, ratio),
        weighted_importance_sampling(log, ratio),
    ]
    for estimate in estimates:
        assert estimate.mean == pytest.approx(1.0, abs=0.04)
    assert importance_sampling(log, ratio).mean == pytest.approx(1.0, abs=0.15)
    assert behaviour(log).mean == pytest.approx(0.5, abs=0.08)
    assert difference.mean == pytest.approx(0.5, abs=0.08)
    assert estimates[2].effective == pytest.approx(200, abs=30)


def test_discounted_values_of_a_longer_walk_are_a_geometric_sum():
    steps, probability = walk(200, length=5)
    log = log_of(steps, probability, 0.5, 4, 0)
    value, _, theta = fitted_q(log, always(1, steps), 20, 0)
    whole = 1 + 0.5 + 0.25 + 0.125 + 0.0625
    # The features do not tell how many steps are left: the values are those of a walk that may end any time.
    ratio = ratios(log, always(1, steps))
    assert importance_sampling(log, ratio).mean == pytest.approx(whole, abs=0.5)
    assert weighted_doubly_robust(log, always(1, steps), theta, ratio).mean == pytest.approx(whole, abs=0.3)
    assert value.mean == pytest.approx(whole, abs=0.3)


def test_the_better_arm_is_deployed_and_the_worse_one_is_not():
    steps, probability = walk(200)
    log = log_of(steps, probability, 0.9, 4, 0)
    verdict = judge(log, {"better": always(1, steps), "worse": always(0, steps)}, 0)
    assert verdict.trusted
    assert verdict.deployed == "better"
    assert not verdict.candidates["worse"].accepted


def test_a_difference_that_may_be_chance_is_not_deployed():
    steps, probability = walk(24, share=0.97, noise=1.0)
    log = log_of(steps, probability, 0.9, 4, 0)
    assert judge(log, {"the same": always(1, steps)}, 0).deployed is None


def test_values_are_trusted_only_where_the_observation_tells_what_is_to_come():
    """Of five steps the observation says nothing, or how many are left."""
    steps, probability = walk(400, length=5)
    gap, tolerance = explained(log_of(steps, probability, 0.9, 8, 0))
    assert abs(gap) > tolerance
    time = np.tile(np.arange(5.0), 400)[:, None]
    timed = replace(steps, seen=time, following=time + 1)
    gap, tolerance = explained(log_of(timed, probability, 0.9, 8, 0))
    assert abs(gap) < tolerance / 3


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_that_is_as_good_passes_in_few_of_many_logs(seed):
    passed = 0
    for draw in range(20):
        steps, probability = walk(40, share=0.5, seed=100 * seed + draw, noise=1.0)
        pays_nothing = Steps(
            steps.seen,
            steps.following,
            steps.action,
            steps.reward - steps.action,
            steps.goes_on,
            steps.episode,
            2,
        )
        log = log_of(pays_nothing, probability, 0.9, 4, 0)
        passed += judge(log, {"equal": always(1, pays_nothing)}, draw).deployed is not None
    assert passed <= 4


def test_what_the_log_shows_nothing_of_is_counted_and_not_deployed():
    """Arm 1 was pulled below 0 alone; from 0.29 on, half a deviation away, nothing is known of it."""
    steps, _ = walk(400)
    action = ((steps.seen[:, 0] < 0) & (steps.action == 1)).astype(np.int64)
    steps = replace(steps, action=action, reward=action.astype(float))
    log = log_of(steps, np.full(len(steps), 0.5), 0.9, 8, 0)
    _, unseen = chained(log, always(1, steps), 0)
    assert unseen == pytest.approx(0.355, abs=0.1)
    assert judge(log, {"everywhere": always(1, steps)}, 0).deployed is None


def test_chained_steps_earn_what_the_arm_pays():
    steps, probability = walk(300, length=4)
    time = np.tile(np.arange(4.0), 300)[:, None]
    timed = replace(steps, seen=time, following=time + 1)
    estimate, unseen = chained(log_of(timed, probability, 0.5, 8, 0), always(1, timed), 0)
    assert unseen == 0
    assert estimate.mean == pytest.approx(1 + 0.5 + 0.25 + 0.125, abs=0.05)


@pytest.mark.parametrize(("beyond", "deployed"), [(0.0, "better"), (0.1, "better"), (0.6, None)])
def test_what_an_estimate_exceeds_the_possible_by_is_taken_off_its_bound(monkeypatch, beyond, deployed):
    steps, probability = walk(400, noise=0.0)
    log = log_of(steps, probability, 0.9, 4, 0)
    most = 1 / (1 - log.gamma)  # a reward of 1 for ever

    def generous(log, decisions, draws, seed):
        value, difference, theta = fitted_q(log, decisions, draws, seed)
        return replace(value, mean=most + beyond), difference, theta

    honest = judge(log, {"better": always(1, steps)}, 0).candidates["better"]
    monkeypatch.setattr("sandbox.improvement.judge.fitted_q", generous)
    verdict = judge(log, {"better": always(1, steps)}, 0)
    judged = verdict.candidates["better"]
    assert judged.lower == pytest.approx(honest.lower - beyond)
    assert 0.1 < honest.lower < 0.6
    assert verdict.deployed == deployed
    assert ("beyond what any policy can earn" in judged.reason) == (deployed is None)


def test_an_estimate_beyond_the_possible_needs_chained_steps_that_say_the_same(monkeypatch):
    steps, probability = walk(400, noise=0.0)
    log = log_of(steps, probability, 0.9, 4, 0)
    worse = chained(log, always(0, steps), 0)

    def generous(log, decisions, draws, seed):
        value, difference, theta = fitted_q(log, decisions, draws, seed)
        return replace(value, mean=1 / (1 - log.gamma) + 0.1), difference, theta

    monkeypatch.setattr("sandbox.improvement.judge.fitted_q", generous)
    assert judge(log, {"better": always(1, steps)}, 0).deployed == "better"
    monkeypatch.setattr("sandbox.improvement.judge.chained", lambda *arguments: worse)
    judged = judge(log, {"better": always(1, steps)}, 0).candidates["better"]
    assert not judged.accepted
    assert "chained" in judged.reason
