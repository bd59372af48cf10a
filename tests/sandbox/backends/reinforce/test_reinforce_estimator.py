"""The estimator is the gradient of the expected return; its switches are what they are said to be."""

from itertools import product

import gymnasium as gym
import numpy as np
import pytest
import torch
import toy_corridor

from sandbox.backends.reinforce.collect import Collector
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.estimator import (
    Episodes,
    discounted_to_go,
    gae,
    returns_to_go,
    standardised,
    weights,
)
from sandbox.backends.reinforce.policy import ReinforcePolicy
from sandbox.backends.reinforce.train import accumulate_gradient


def episodes_of(*rewards, terminated=None):
    """Episodes with the given rewards, and steps numbered through as observations and actions."""
    lengths = [len(episode) for episode in rewards]
    total = sum(lengths)
    return Episodes(
        observations=np.arange(total, dtype=np.float32)[:, None],
        actions=np.zeros((total, 1), np.int64),
        masks=None,
        rewards=np.concatenate(rewards).astype(float),
        episode=np.repeat(np.arange(len(rewards)), lengths),
        time=np.concatenate([np.arange(length) for length in lengths]),
        last_observations=np.zeros((len(rewards), 1), np.float32),
        terminated=np.array(terminated if terminated is not None else [True] * len(rewards)),
    )


def test_a_sum_to_go_runs_backwards_with_its_factor():
    table = np.array([[1.0, 4.0], [2.0, 0.0], [3.0, 2.0]])
    np.testing.assert_allclose(discounted_to_go(table, 0.5), [[2.75, 4.5], [3.5, 1.0], [3.0, 2.0]])


def test_episodes_know_their_returns_and_lengths_in_any_order_of_steps():
    ordered = episodes_of([1, 2, 3], [10])
    mixed = np.array([3, 2, 0, 1])
    shuffled = Episodes(
        ordered.observations[mixed],
        ordered.actions[mixed],
        None,
        ordered.rewards[mixed],
        ordered.episode[mixed],
        ordered.time[mixed],
        ordered.last_observations,
        ordered.terminated,
    )
    np.testing.assert_array_equal(shuffled.returns, [6, 10])
    np.testing.assert_array_equal(shuffled.lengths, [3, 1])
    np.testing.assert_array_equal(returns_to_go(shuffled, 1.0), [10, 3, 6, 5])
    np.testing.assert_array_equal(shuffled.flat(shuffled.grid(shuffled.rewards)), shuffled.rewards)


def test_without_switches_every_action_is_weighed_by_its_whole_episode():
    episodes = episodes_of([1, 2, 3], [10])
    np.testing.assert_array_equal(weights(episodes, ReinforceConfig()), [6, 6, 6, 10])
    np.testing.assert_allclose(weights(episodes, ReinforceConfig(gamma=0.5)), [2.75, 2.75, 2.75, 10])


def test_reward_to_go_counts_only_what_comes_after():
    config = ReinforceConfig(reward_to_go=True, gamma=0.5)
    np.testing.assert_allclose(weights(episodes_of([1, 2, 3], [10]), config), [2.75, 3.5, 3, 10])


def test_the_baseline_is_the_value_of_the_state_where_the_counting_starts():
    episodes, values, last = episodes_of([1, 2, 3], [10]), np.array([1.0, 2, 3, 4]), np.array([7.0, 7.0])
    whole = weights(episodes, ReinforceConfig(baseline=True), values, last)
    np.testing.assert_array_equal(whole, [5, 5, 5, 6])
    to_go = weights(episodes, ReinforceConfig(baseline=True, reward_to_go=True), values, last)
    np.testing.assert_array_equal(to_go, [5, 3, 0, 6])


def test_truncation_continues_with_the_learned_value_and_termination_does_not():
    episodes = episodes_of([1, 1], [1, 1], terminated=[True, False])
    np.testing.assert_allclose(returns_to_go(episodes, 0.5), [1.5, 1, 1.5, 1])
    np.testing.assert_allclose(returns_to_go(episodes, 0.5, np.array([8.0, 8.0])), [1.5, 1, 3.5, 5])
    errors = gae(episodes, 0.5, 0.0, np.zeros(4), np.array([8.0, 8.0]))
    np.testing.assert_allclose(errors, [1, 1, 1, 5])


def test_generalised_advantages_of_a_case_worked_by_hand():
    # γ = 0.9, λ = 0.8: δ₁ = 2 + 0.9·4 - 3 = 2.6 (truncated), δ₀ = 1 + 0.9·3 - 2 = 1.7,
    # A₁ = 2.6, A₀ = 1.7 + 0.72·2.6 = 3.572; terminated instead, δ₁ = -1, A₀ = 1.7 - 0.72 = 0.98.
    values = np.array([2.0, 3.0])
    truncated = gae(episodes_of([1, 2], terminated=[False]), 0.9, 0.8, values, np.array([4.0]))
    np.testing.assert_allclose(truncated, [3.572, 2.6])
    terminated = gae(episodes_of([1, 2], terminated=[True]), 0.9, 0.8, values, np.array([4.0]))
    np.testing.assert_allclose(terminated, [0.98, -1.0])


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_generalised_advantages_with_lambda_one_are_reward_to_go_minus_the_value(gamma):
    rng = np.random.default_rng(0)
    episodes = episodes_of(*[rng.normal(size=n) for n in (1, 5, 3, 9)], terminated=[True, False, True, False])
    values, last = rng.normal(size=18), rng.normal(size=4)
    expected = returns_to_go(episodes, gamma, last) - values
    np.testing.assert_allclose(gae(episodes, gamma, 1.0, values, last), expected)
    zero = gae(episodes, gamma, 1.0, np.zeros(18), np.zeros(4))
    np.testing.assert_allclose(zero, returns_to_go(episodes, gamma))


def test_standardised_weights_have_mean_zero_and_deviation_one():
    scaled = standardised(np.array([1.0, 2.0, 3.0, 10.0]))
    assert scaled.mean() == pytest.approx(0)
    assert scaled.std() == pytest.approx(1)
    np.testing.assert_array_equal(standardised(np.full(3, 5.0)), 0)


# A process with two states, two actions and two steps, small enough to enumerate. From state 0, action
# a leads to state 1 with probability MOVES[a]; REWARDS[s][a] is paid in both steps.

MOVES = (0.2, 0.7)
PAID = np.array([[1.0, -2.0], [3.0, 0.5]])


def tiny_policy():
    space = gym.spaces.Box(0, 1, (2,), np.float32)
    policy = ReinforcePolicy(space, gym.spaces.Discrete(2), ReinforceConfig(net_arch=[]), seed=3)
    policy.actor.double()
    with torch.no_grad():
        for parameter in policy.actor.parameters():
            parameter.copy_(torch.linspace(-0.7, 0.9, parameter.numel()).reshape(parameter.shape))
    return policy


def trajectories(policy):
    """All eight: probability under the policy, return, and the episode."""
    with torch.no_grad():
        p = policy.actor(torch.eye(2, dtype=torch.float64)).softmax(1).numpy()
    for first, state, second in product(range(2), repeat=3):
        reach = MOVES[first] if state == 1 else 1 - MOVES[first]
        rewards = np.array([PAID[0, first], PAID[state, second]])
        episode = Episodes(
            observations=np.eye(2, dtype=np.float32)[[0, state]],
            actions=np.array([[first], [second]]),
            masks=None,
            rewards=rewards,
            episode=np.array([0, 0]),
            time=np.array([0, 1]),
            last_observations=np.zeros((1, 2), np.float32),
            terminated=np.array([True]),
        )
        yield p[0, first] * reach * p[state, second], rewards.sum(), episode


def exact_gradient(policy, step=1e-6):
    """∇J by central differences of J = Σ p(τ) R(τ)."""
    gradient = []
    for parameter in policy.actor.parameters():
        for index in range(parameter.numel()):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter.view(-1)[index] += sign * step
                values.append(sum(p * total for p, total, _ in trajectories(policy)))
                with torch.no_grad():
                    parameter.view(-1)[index] -= sign * step
            gradient.append((values[0] - values[1]) / (2 * step))
    return np.array(gradient)


def gradient_of(policy, episodes, psi):
    """The estimate of ∇J from ``episodes``."""
    policy.actor.zero_grad()
    accumulate_gradient(policy, episodes, psi)
    return -torch.cat([p.grad.ravel() for p in policy.actor.parameters()]).numpy()


def expected_gradient(policy, config, value_of=None):
    total = 0.0
    for probability, _, episode in trajectories(policy):
        values = last = None
        if value_of is not None:
            # The state is known by its code and, as the horizon is two, by its time.
            values = np.array([value_of[t][int(row[1])] for t, row in enumerate(episode.observations)])
            last = np.zeros(1)
        psi = weights(episode, config, values, last)
        total = total + probability * gradient_of(policy, episode, psi)
    return total


@pytest.mark.parametrize(
    ("switches", "with_values"),
    [
        ({}, False),
        ({"reward_to_go": True}, False),
        ({"baseline": True}, True),
        ({"baseline": True, "reward_to_go": True}, True),
        ({"baseline": True, "gae": True, "gae_lambda": 1.0}, True),
    ],
)
def test_the_estimate_is_exact_on_average_over_all_trajectories(switches, with_values):
    policy = tiny_policy()
    any_values = [[0.7, None], [-1.3, 2.2]] if with_values else None
    expected = expected_gradient(policy, ReinforceConfig(**switches), any_values)
    exact = exact_gradient(policy)
    assert np.abs(exact).max() > 0.1
    np.testing.assert_allclose(expected, exact, atol=1e-8)


def test_generalised_advantages_are_exact_for_any_lambda_if_the_values_are():
    policy = tiny_policy()
    with torch.no_grad():
        p = policy.actor(torch.eye(2, dtype=torch.float64)).softmax(1).numpy()
    second = (p * PAID).sum(1)
    first = sum(p[0, a] * (PAID[0, a] + MOVES[a] * second[1] + (1 - MOVES[a]) * second[0]) for a in range(2))
    config = ReinforceConfig(baseline=True, gae=True, gae_lambda=0.3)
    true_values = [[first, None], list(second)]
    np.testing.assert_allclose(
        expected_gradient(policy, config, true_values), exact_gradient(policy), atol=1e-8
    )
    wrong = expected_gradient(policy, config, [[0.7, None], [-1.3, 2.2]])
    assert np.abs(wrong - exact_gradient(policy)).max() > 0.01


def test_the_estimate_is_the_formula_of_the_course_written_out():
    """(1/N) Σᵢ (Σₜ ∇log π(aₜ|sₜ)) (Σₜ rₜ), one backward pass an episode."""
    policy = tiny_policy()
    batch = [episode for _, _, episode in trajectories(policy)][:5]
    written_out = 0.0
    for episode in batch:
        policy.actor.zero_grad()
        logs = policy.actor(torch.from_numpy(episode.observations).double()).log_softmax(1)
        logs[torch.arange(2), torch.from_numpy(episode.actions[:, 0])].sum().backward()
        scores = torch.cat([p.grad.ravel() for p in policy.actor.parameters()]).numpy()
        written_out = written_out + scores * episode.rewards.sum() / len(batch)
    together = Episodes(
        observations=np.concatenate([episodes.observations for episodes in batch]),
        actions=np.concatenate([episodes.actions for episodes in batch]),
        masks=None,
        rewards=np.concatenate([episodes.rewards for episodes in batch]),
        episode=np.repeat(np.arange(5), 2),
        time=np.tile([0, 1], 5),
        last_observations=np.zeros((5, 2), np.float32),
        terminated=np.ones(5, bool),
    )
    estimate = gradient_of(policy, together, weights(together, ReinforceConfig()))
    np.testing.assert_allclose(estimate, written_out, atol=1e-12)


def test_reward_to_go_and_a_baseline_each_lower_the_variance_of_the_estimate():
    """On the corridor at p = 1/2, from the same 200 batches of 16 episodes."""
    config = toy_corridor.CorridorConfig()
    envs = toy_corridor.make_vec(config, toy_corridor.REWARDS["steps"], 16)
    policy = ReinforcePolicy(
        envs.single_observation_space, envs.single_action_space, ReinforceConfig(net_arch=[]), seed=0
    )
    with torch.no_grad():
        for parameter in policy.actor.parameters():
            parameter.zero_()
    collector, rng = Collector(envs, 16, policy.distribution.action, 10_000), np.random.default_rng(0)
    kinds = {
        "plain": ReinforceConfig(),
        "to go": ReinforceConfig(reward_to_go=True),
        "baseline": ReinforceConfig(baseline=True),
        "both": ReinforceConfig(baseline=True, reward_to_go=True),
    }
    estimates = {name: [] for name in kinds}
    for _ in range(200):
        batch, _ = collector.collect(lambda rows, mask: policy.draw(rows, mask, rng), 16)
        # The best that a value network can learn here: one number, the mean reward to go, about -10.4.
        values, last = np.full(len(batch.rewards), -10.4), np.zeros(batch.count)
        for name, switches in kinds.items():
            known = (values, last) if switches.baseline else (None, None)
            estimates[name].append(gradient_of(policy, batch, weights(batch, switches, *known)))
    means = {name: np.mean(samples, 0) for name, samples in estimates.items()}
    spread = {name: np.var(samples, 0).sum() for name, samples in estimates.items()}
    for name, mean in means.items():
        error = np.sqrt(np.var(np.array(estimates[name]) - estimates["plain"], 0) / 200)
        assert (np.abs(mean - means["plain"]) <= 4 * error + 1e-12).all(), name
    assert spread["to go"] < 0.7 * spread["plain"]
    assert spread["baseline"] < 0.9 * spread["plain"]
    assert spread["both"] < 0.7 * spread["to go"]


def test_a_gradient_taken_in_parts_is_the_whole(monkeypatch):
    policy = tiny_policy()
    rng = np.random.default_rng(0)
    batch = episodes_of(*[rng.normal(size=7) for _ in range(4)])
    batch = Episodes(
        np.eye(2, dtype=np.float32)[rng.integers(0, 2, 28)], rng.integers(0, 2, (28, 1)), None,
        batch.rewards, batch.episode, batch.time, np.zeros((4, 2), np.float32), batch.terminated,
    )  # fmt: skip
    psi = weights(batch, ReinforceConfig())
    whole = gradient_of(policy, batch, psi)
    monkeypatch.setattr("sandbox.backends.reinforce.train.CHUNK", 5)
    np.testing.assert_allclose(gradient_of(policy, batch, psi), whole, atol=1e-12)


def test_a_constant_baseline_is_the_mean_weight_of_the_other_episodes():
    episodes = episodes_of([1, 2, 3], [10], [4, 4])
    settings = {"constant_baseline": True, "reward_to_go": True}
    # To go: 6 5 3, 10, 8 4; of the others: (10 + 8 + 4) / 3, (6 + 5 + 3 + 8 + 4) / 5, (14 + 10) / 4.
    expected = [6 - 22 / 3, 5 - 22 / 3, 3 - 22 / 3, 10 - 26 / 5, 8 - 6, 4 - 6]
    np.testing.assert_allclose(weights(episodes, ReinforceConfig(**settings)), expected)
    alone = episodes_of([1, 2])
    np.testing.assert_allclose(weights(alone, ReinforceConfig(**settings)), [3, 2])


def test_a_constant_and_a_learned_baseline_exclude_each_other():
    with pytest.raises(ValueError, match="exclude each other"):
        ReinforceConfig(baseline=True, constant_baseline=True)
