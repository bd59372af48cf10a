"""Logs with continuous actions: the pendulum is Gymnasium's, and densities are those of the draws."""

from itertools import pairwise

import gymnasium
import numpy as np
import pytest

from benchmarks.families._logs import Behaviour
from benchmarks.families._pendulum_logs import Noise, Pendulums, pendulum_task
from sandbox.improvement.checks import require_sound


def test_the_pendulums_turn_as_gymnasiums_does():
    rng = np.random.default_rng(0)
    ours, env = Pendulums(1, rng), gymnasium.make("Pendulum-v1").unwrapped
    env.reset(seed=0)
    env.state = np.array([ours.angle[0], ours.speed[0]])
    for share in rng.uniform(-1.2, 1.2, (300, 1)):
        seen, reward, *_ = env.step(2 * share)
        assert ours.step(share[None])[0] == pytest.approx(reward, abs=1e-5)
        assert ours.observe()[0] == pytest.approx(seen, abs=1e-4)


def test_densities_are_those_of_the_draws_and_sum_to_one():
    rule = Behaviour(lambda seen, mask: np.full((len(seen), 1), 0.6), 0.5, 1)
    noise = Noise(rule, np.random.default_rng(0))
    action, density = noise.choose(np.zeros((200_000, 3)))
    shares, edges = np.histogram(action[:, 0], 20, (-1, 1), density=True)
    means = [density[(low <= action[:, 0]) & (action[:, 0] < high)].mean()
             for low, high in pairwise(edges)]  # fmt: skip
    np.testing.assert_allclose(means, shares, rtol=0.1, atol=0.01)
    assert (1 / density).mean() == pytest.approx(2, rel=0.05), "the width of what can be drawn"


def test_a_log_of_the_pendulum_is_sound_and_a_drifting_one_is_another_behaviours():
    task = pendulum_task()
    dataset = task.log(task.behaviour(1000), 1000)
    require_sound(dataset, task.spaces[1], task.spaces[0], task.reference)
    assert dataset.actions.shape == (len(dataset), 1)
    best, worst = (task.play(player, player, 20, 1).returns.mean()
                   for player in (task.behaviour(1000), task.other(1000)))  # fmt: skip
    assert best > worst + 100
