"""Off-policy estimates of a bandit and of a chain whose values are known."""

from dataclasses import replace

import numpy as np
import pytest

from sandbox.improvement.chains import chained, is_dense
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
from sandbox.improvement.limited import limited
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


def pushes(count=400, seed=0):
    """A continuous action whose square is paid for, drawn around 1; 0 would be best."""
    rng = np.random.default_rng(seed)
    action = 1 + 0.5 * rng.standard_normal((count, 1))
    seen = rng.uniform(-1, 1, (count, 1))
    steps = Steps(
        seen=seen,
        following=np.roll(seen, -1, 0),
        action=action,
        reward=-(action[:, 0] ** 2),
        goes_on=np.zeros(count),
        episode=np.arange(count),
        count=0,
    )
    return steps, np.full(count, 0.5)


def pushed(level, steps):
    actions = np.full((len(steps), 1), level)
    return Decisions(actions, actions)


@pytest.mark.parametrize(("beyond", "deployed"), [(0.0, "gentle"), (0.1, "gentle"), (0.9, None)])
def test_what_an_estimate_exceeds_the_possible_by_is_taken_off_its_bound(monkeypatch, beyond, deployed):
    steps, probability = pushes()
    log = log_of(steps, probability, 0.9, 4, 0)
    candidates = {"gentle": pushed(0.5, steps)}

    def generous(log, decisions, draws, seed):
        value, difference, theta = fitted_q(log, decisions, draws, seed)
        return replace(value, mean=beyond), difference, theta  # no push earns more than 0

    honest = judge(log, candidates, 0).candidates["gentle"]
    monkeypatch.setattr("sandbox.improvement.judge.fitted_q", generous)
    verdict = judge(log, candidates, 0)
    judged = verdict.candidates["gentle"]
    assert judged.lower == pytest.approx(honest.lower - beyond)
    assert 0.1 < honest.lower < 0.9
    assert verdict.deployed == deployed
    assert ("beyond what any policy can earn" in judged.reason) == (deployed is None)


def test_an_estimate_beyond_the_possible_needs_chained_steps_that_say_the_same(monkeypatch):
    steps, probability = pushes()
    log = log_of(steps, probability, 0.9, 4, 0)
    candidates, worse = {"gentle": pushed(0.5, steps)}, chained(log, pushed(1.5, steps), 0)

    def generous(log, decisions, draws, seed):
        value, difference, theta = fitted_q(log, decisions, draws, seed)
        return replace(value, mean=0.1), difference, theta

    monkeypatch.setattr("sandbox.improvement.judge.fitted_q", generous)
    assert judge(log, candidates, 0).deployed == "gentle"
    monkeypatch.setattr("sandbox.improvement.judge.chained", lambda *arguments: worse)
    judged = judge(log, candidates, 0).candidates["gentle"]
    assert not judged.accepted
    assert "chained" in judged.reason


def test_the_difference_of_a_single_step_is_that_of_the_arms():
    """Episodes of a step: arm 1 is pulled in half of them, so that always pulling it earns 0.5 more."""
    steps, probability = walk(400)
    log = log_of(steps, probability, 0.0, 4, 0)
    better, worse = (limited(log, always(arm, steps))[0] for arm in (1, 0))
    assert better.mean == pytest.approx(0.5, abs=0.03)
    assert worse.mean == pytest.approx(-0.5, abs=0.03)
    assert better.error < 0.06
    assert better.effective == pytest.approx(400)


def traps(episodes, seed=0):
    """Two places. In the first, arm 1 pays 1 and leads into the second, where every step costs 5.

    From the second the way back is found half of the time. Both arms are pulled equally often.
    """
    rng = np.random.default_rng(seed)
    length = 20
    place, seen, action, reward, following = np.zeros(episodes, int), [], [], [], []
    for _ in range(length):
        arm = rng.integers(2, size=episodes)
        seen.append(place)
        action.append(arm)
        reward.append(np.where(place == 0, arm, -5.0))
        place = np.where(place == 0, arm, rng.integers(2, size=episodes))
        following.append(place)
    rows = [np.stack(part, 1).reshape(-1) for part in (seen, action, reward, following)]
    return Steps(
        seen=rows[0][:, None].astype(float),
        following=rows[3][:, None].astype(float),
        action=rows[1],
        reward=rows[2].astype(float),
        goes_on=np.ones(episodes * length),
        episode=np.repeat(np.arange(episodes), length),
        count=2,
    ), np.full(episodes * length, 0.5)


def test_a_step_that_pays_now_and_costs_later_is_not_better():
    steps, probability = traps(200)
    log = log_of(steps, probability, 0.9, 4, 0)
    greedy, careful = (limited(log, always(arm, steps)) for arm in (1, 0))
    assert all(estimate.upper(0.95) < 0 for estimate in greedy)
    assert all(estimate.lower(0.95) > 0 for estimate in careful)
    verdict = judge(log, {"greedy": always(1, steps), "careful": always(0, steps)}, 0)
    assert verdict.deployed == "careful"


def test_longer_horizons_come_nearer_to_the_true_difference():
    """Beside it stands the exact difference, from the two places as often as the log is in each."""
    steps, probability = traps(4000)
    gamma = 0.9
    values = {}
    for name, share in (("behaviour", 0.5), ("careful", 0.0)):
        matrix = np.array([[1 - share, share], [0.5, 0.5]])
        values[name] = np.linalg.solve(np.eye(2) - gamma * matrix, np.array([share, -5.0]))
    shares = np.bincount(steps.seen[:, 0].astype(int)) / len(steps)
    exact = float(shares @ (values["careful"] - values["behaviour"]))
    near, *_, far = limited(log_of(steps, probability, gamma, 4, 0), always(0, steps))
    assert abs(far.mean - exact) < 0.5 * abs(near.mean - exact)
    assert far.mean == pytest.approx(exact, rel=0.1)


def crowded(numbers, episodes=60, length=20, seed=0):
    """Observations of many numbers, of which the first says which arm pays."""
    rng = np.random.default_rng(seed)
    count = episodes * length
    seen = rng.standard_normal((count, numbers))
    action = rng.integers(2, size=count)
    reward = ((seen[:, 0] > 0) == action) + 0.3 * rng.standard_normal(count)
    steps = Steps(
        seen=seen,
        following=np.roll(seen, -1, 0),
        action=action,
        reward=reward,
        goes_on=np.ones(count),
        episode=np.repeat(np.arange(episodes), length),
        count=2,
    )
    return steps, np.full(count, 0.5)


def test_observations_of_many_numbers_do_not_hide_what_is_better():
    """Distances say nothing there, and fitted Q has more unknowns than the log can tell."""
    steps, probability = crowded(120)
    log = log_of(steps, probability, 0.9, 24, 0, crowded(120, seed=1)[0])
    assert not is_dense(log, 0)
    assert is_dense(log_of(*crowded(2), 0.9, 24, 0), 0)

    def decisions(sign):
        return Decisions(*((sign * seen[:, 0] > 0).astype(int) for seen in (steps.seen, steps.following)))

    verdict = judge(log, {"right": decisions(1), "wrong": decisions(-1)}, 0)
    assert verdict.deployed == "right"
    assert set(verdict.candidates["right"].estimates) == {
        "weighted_importance_sampling",
        "importance_sampling",
    }
    assert verdict.candidates["right"].unseen is None
