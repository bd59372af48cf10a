"""What REINFORCE learns on tasks whose best answer is known."""

from functools import partial

import numpy as np
import pytest
import torch
import toy_corridor
import toy_forage
import toy_regulator
import toy_stall
import toy_tag
from support import SeededSync, trained

from sandbox.envs.multiagent import JointEnv, Rows


def corridor(n):
    return toy_corridor.make_vec(toy_corridor.CorridorConfig(), toy_corridor.REWARDS["steps"], n)


def probability_of_right(policy):
    return policy.actor(torch.ones(1, 1)).softmax(1)[0, 1].item()


@pytest.mark.parametrize(
    ("switches", "tolerance"),
    [
        ({}, 0.06),
        ({"reward_to_go": True}, 0.05),
        ({"reward_to_go": True, "baseline": True}, 0.03),
        ({"baseline": True, "gae": True}, 0.04),
    ],
    ids=["plain returns", "reward-to-go", "baseline", "gae"],
)
def test_the_short_corridor_is_solved_exactly(switches, tolerance):
    """Sutton & Barto (2018), Example 13.1: p* = 2 - √2 ≈ 0.586 and v(p*) ≈ -11.66.

    The value is that of the learned p by the closed form, so no sampling error enters it. It is flat
    around p*: at a distance of 0.06 it is -11.78 at most, at 0.03 -11.69.
    """
    policy = trained(
        corridor,
        400_000,
        num_envs=128,
        net_arch=[],
        episodes_per_update=512,
        learning_rate=0.04,
        schedule="linear",
        value_epochs=1,
        value_batch_size=2048,
        **switches,
    )
    p = probability_of_right(policy)
    assert p == pytest.approx(toy_corridor.OPTIMAL_P, abs=tolerance)
    best = -(6 + 4 * 2**0.5)
    assert best - (0.14 if tolerance > 0.05 else 0.1) < toy_corridor.value(p) <= best


def test_gradient_ascent_to_the_letter_solves_the_corridor_too():
    """Plain SGD on the multilayer network of the default configuration."""
    policy = trained(
        corridor,
        300_000,
        num_envs=128,
        episodes_per_update=512,
        optimizer="sgd",
        learning_rate=0.01,
        schedule="linear",
        reward_to_go=True,
        baseline=True,
        value_epochs=1,
        value_batch_size=2048,
    )
    assert probability_of_right(policy) == pytest.approx(toy_corridor.OPTIMAL_P, abs=0.05)


def test_the_regulator_comes_within_a_twentieth_of_the_riccati_controller():
    config, reward = toy_regulator.RegulatorConfig(), toy_regulator.REWARDS["quadratic"]

    def make_envs(n):
        envs = toy_regulator.make_vec(config, reward, n)
        envs.reset(seed=17)
        return envs

    policy = trained(
        make_envs,
        150_000,
        num_envs=64,
        net_arch=[32],
        episodes_per_update=64,
        learning_rate=0.01,
        schedule="linear",
        log_std_init=-1.5,
        baseline=True,
        gae=True,
        gae_lambda=0.9,
        gamma=0.9,
        normalize_advantage=True,
        value_learning_rate=0.003,
        value_batch_size=512,
        value_epochs=4,
    )
    envs = toy_regulator.make_vec(config, reward, 2000)
    totals = []
    for player in (policy, toy_regulator.make_optimal(envs)):
        observation, _ = envs.reset(seed=0)
        player.reset(2000, seed=0)
        total = 0.0
        for _ in range(config.horizon):
            observation, rewards, *_ = envs.step(player.act(observation))
            total += rewards.mean()
        totals.append(total)
    learned, optimal = totals
    assert optimal == pytest.approx(toy_regulator.optimal_return(config, reward.weights), rel=0.03)
    assert 1.05 * optimal < learned <= optimal


def test_a_masked_task_is_learned_and_the_mask_never_broken():
    config = toy_forage.ForageConfig(size=3, items=2)
    make = partial(toy_forage.make, config, toy_forage.REWARDS["clear"])
    policy = trained(
        lambda n: SeededSync(make, n, seed=0),
        40_000,
        num_envs=8,
        net_arch=[64],
        episodes_per_update=32,
        learning_rate=0.01,
        baseline=True,
        gae=True,
        gamma=0.95,
        normalize_advantage=True,
        value_batch_size=512,
        value_epochs=4,
        entropy_coef=0.01,
    )
    env, greedy = make(), toy_forage.make_greedy(make())
    durations = {"learned": [], "greedy": []}
    for seed in range(200):
        for name, player in (("learned", policy), ("greedy", greedy)):
            observation, info = env.reset(seed=seed)
            player.reset(1, seed)
            ended = False
            while not ended:
                action = int(player.act(observation[None], info["action_mask"][None], deterministic=False)[0])
                observation, _, terminated, truncated, info = env.step(action)
                ended = terminated or truncated
            assert info["metrics"]["forbidden"] == 0
            durations[name].append(info["metrics"]["duration"])
    # A uniformly random forager needs about 33 of at most 40 steps, the greedy one about 5.6.
    assert np.mean(durations["learned"]) < 1.3 * np.mean(durations["greedy"])


def test_dictionary_observations_are_learned_from():
    make = partial(toy_stall.make, toy_stall.StallConfig(), toy_stall.REWARDS["spending"])
    policy = trained(
        lambda n: SeededSync(make, n, seed=0),
        25_000,
        num_envs=8,
        net_arch=[32],
        episodes_per_update=32,
        learning_rate=0.01,
        reward_to_go=True,
        baseline=True,
        gamma=0.5,
        normalize_advantage=True,
        value_batch_size=512,
        value_epochs=2,
    )
    env = make()
    costs = {"learned": [], "optimal": [], "cheapest": []}
    players = {
        "learned": policy, "optimal": toy_stall.make_optimal(env), "cheapest": toy_stall.make_cheapest(env),
    }  # fmt: skip
    for seed in range(200):
        for name, player in players.items():
            observation, ended = env.reset(seed=seed)[0], False
            while not ended:
                batch = {key: np.asarray(value)[None] for key, value in observation.items()}
                observation, _, ended, _, info = env.step(player.act(batch)[0])
            costs[name].append(info["metrics"]["cost"])
    learned, optimal, cheapest = (np.mean(costs[name]) for name in ("learned", "optimal", "cheapest"))
    # Closer to the optimum than to the classical rule that ignores staleness.
    assert optimal < learned < (optimal + cheapest) / 2


def test_unlike_agents_learn_with_one_shared_policy():
    def make():
        return JointEnv(toy_tag.make(toy_tag.TagConfig(), toy_tag.REWARDS["touch"]))

    log = []
    trained(
        lambda n: Rows(SeededSync(make, n, seed=0), make),
        40_000,
        num_envs=8,
        log=log,
        net_arch=[64],
        episodes_per_update=32,
        learning_rate=0.01,
        baseline=True,
        gae=True,
        gamma=0.95,
        normalize_advantage=True,
        value_batch_size=512,
        value_epochs=4,
    )
    first, last = log[0][1], np.mean([values["episode_length"] for _, values in log[-3:]])
    # From jumping about at random to chasing: an agent's stay is cut to less than half.
    assert last < 0.5 * first["episode_length"]
    assert np.mean([values["truncated"] for _, values in log[-3:]]) < 0.02
