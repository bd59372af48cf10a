"""Classical agents: arms worked out by hand, regret, and another implementation's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bandits_support import bandits, pull

from sandbox_bandits import agents


def after(kind: str, history: list[int], agent: Any, **settings: Any) -> tuple[Any, Any]:
    """The environments and an agent that has watched some pulls, one environment."""
    envs = bandits(kind, 1, **settings)
    player = agent(envs)
    player.reset(1, 0)
    for arm in history:
        player.act(None)
        envs.step(np.array([arm]))
    return envs, player


def test_every_arm_is_pulled_once_before_any_is_pulled_again() -> None:
    for make in (agents.greedy, agents.upper_bound):
        envs = bandits("bernoulli", 50)
        pull(envs, make(envs), 5)
        assert (envs.core.pulls == 1).all()


def test_ucb1_adds_the_root_of_two_logarithms_over_the_pulls() -> None:
    envs, player = after("bernoulli", [0, 0, 0, 1], agents.upper_bound, means=(0.5, 0.6), arms=2)
    scores = agents.ucb1(envs.core, player.rng)
    means = envs.core.sums[0] / [3, 1]
    assert scores[0] == pytest.approx(means + np.sqrt(2 * np.log(4) / np.array([3, 1])))


def test_thompson_sampling_draws_from_the_posteriors() -> None:
    rng = np.random.default_rng(0)
    envs, _ = after("bernoulli", [0, 0, 0, 1], agents.beta_sampling, means=(0.5, 0.6), arms=2)
    draws = np.array([agents.thompson_beta(envs.core, rng)[0] for _ in range(4_000)])
    sums = envs.core.sums[0]
    assert draws.mean(axis=0) == pytest.approx((1 + sums) / (2 + np.array([3, 1])), abs=0.02)
    envs, _ = after("gaussian", [0, 0, 0, 1], agents.normal_sampling, arms=2, spread=2.0, noise=0.5)
    draws = np.array([agents.thompson_normal(envs.core, rng)[0] for _ in range(4_000)])
    precision = np.array([3, 1]) / 0.25 + 0.25
    assert draws.std(axis=0) == pytest.approx(precision**-0.5, rel=0.05)
    assert draws.mean(axis=0) == pytest.approx(envs.core.sums[0] / 0.25 / precision, abs=0.03)


def test_the_gradient_bandit_moves_preferences_by_what_was_better_than_the_mean() -> None:
    envs, player = after("gaussian", [0, 1], agents.Gradient, arms=2)
    first, second = envs.core.sums[0]
    player.act(None)
    # The first payment is its own mean; the second differs from the mean of both by half their distance.
    moved = 0.1 * (second - (first + second) / 2) * 0.5
    assert player.preference[0] == pytest.approx([-moved, moved])


def test_without_its_baseline_the_gradient_bandit_suffers_from_large_payments() -> None:
    # Sutton & Barto 2018, figure 2.5: means around 4.
    regrets = []
    for make in (agents.gradient_bandit, agents.gradient_without_baseline):
        envs = bandits("gaussian", 200, centre=4.0)
        regrets.append(pull(envs, make(envs), 1_000).sum(axis=0).mean())
    assert regrets[0] < 0.5 * regrets[1]


def test_a_window_remembers_its_length_and_a_discount_the_sum_of_its_powers() -> None:
    envs = bandits("restaurants", 3, horizon=100)
    window = agents.Window(envs, length=10)
    pull(envs, window, 60)
    assert window.pulls.sum(axis=1) == pytest.approx(10)
    envs = bandits("restaurants", 3, horizon=100)
    fading = agents.Discounted(envs, discount=0.9)
    pull(envs, fading, 60)
    assert fading.pulls.sum(axis=1) == pytest.approx((1 - 0.9**59) / 0.1)


def test_forgetting_pays_where_cooks_change() -> None:
    regret = {}
    for make in (agents.upper_bound, agents.Window, agents.Discounted, agents.constant_step):
        envs = bandits("restaurants", 48)
        regret[make] = pull(envs, make(envs), 1_999).sum(axis=0).mean()
    assert regret[agents.Discounted] < 0.75 * regret[agents.upper_bound]
    assert regret[agents.Window] < 0.9 * regret[agents.upper_bound]
    assert regret[agents.constant_step] < regret[agents.upper_bound]


def test_means_are_of_all_payments_also_where_an_agent_sees_the_last_one() -> None:
    envs, player = after("restaurants", [0, 0, 1], agents.epsilon_greedy, arms=3)
    scores = agents.mean(envs.core, player.rng)
    assert scores[0].tolist() == [envs.core.sums[0, 0] / 2, envs.core.sums[0, 1], np.inf]


def test_an_agent_does_not_draw_from_the_stream_of_its_environment() -> None:
    """Seeded alike, ε-greedy would explore when, and only when, luck is below ε."""
    envs = bandits("bernoulli", 1, seed=3, horizon=400)
    luck, player = envs.core.luck[0].copy(), agents.epsilon_greedy(envs)
    player.reset(1, 3)
    coins = []
    for _ in range(400):
        coins.append(player.rng.random())
    assert abs(np.corrcoef(luck, coins)[0, 1]) < 0.2


LEARNERS = ("greedy", "ucb1", "linucb")


@pytest.mark.parametrize("name", LEARNERS)
def test_the_arms_of_mabwiser(name: str) -> None:
    """Where nothing is drawn, another implementation pulls the same arms."""
    mab = pytest.importorskip("mabwiser.mab")
    policies = {
        "greedy": (mab.LearningPolicy.EpsilonGreedy(epsilon=0.0), agents.greedy, "gaussian"),
        "ucb1": (mab.LearningPolicy.UCB1(alpha=1.0), agents.upper_bound, "gaussian"),
        "linucb": (
            mab.LearningPolicy.LinUCB(alpha=agents.LINUCB_WIDTH, l2_lambda=1.0),
            agents.linear_upper_bound,
            "contextual",
        ),
    }
    policy, make, kind = policies[name]
    for seed in range(3):
        envs = bandits(kind, 1, seed=seed, horizon=400, arms=5)
        player, reference = make(envs), mab.MAB(list(range(5)), policy)
        player.reset(1, seed)
        arms: list[int] = []
        expected: list[int] = []
        for pulls in range(300):
            context = [envs.core.context[0].copy()] if kind == "contextual" else None
            if pulls >= 5:  # every arm has been pulled, so that nothing is tied
                expected.append(int(reference.predict(context) if context else reference.predict()))
            arm = int(player.act(envs.core.observe())[0]) if pulls >= 5 else pulls
            arms.append(arm)
            paid = envs.step(np.array([arm]))[1]
            learn = reference.partial_fit if pulls else reference.fit
            learn([arm], paid.tolist(), *([context] if context else []))
        assert arms[5:] == expected
