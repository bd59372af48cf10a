"""Offline learning beats the behaviour that made the records, and nothing steps the environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sandbox.api import Claim, Dataset, Measured, Plot, Trial

claim = Claim(
    id="offline",
    sentence="From records alone conservative Q-learning does better than the behaviour that made them; an "
    "environment that is asked for in training would be an error.",
    idea="4 · Imitation and records",
    switch="The rewards of the records are shuffled.",
    measure=f"{__name__}:measure",
    requires=("torch", "numba"),
    extra="inventory",
)

EPISODES, EXPLORED = 60, 0.2


def measure(trial: Trial) -> Measured:
    """Exact gaps to the optimum, in percent: of the records, and of what is learned from them."""
    from sandbox_course.learning import learn_on, seeds_of
    from sandbox_course.lost_sales import best_level, gap, lost_sales, solved
    from sandbox_inventory.lost_sales.model import make_vec

    best, level = solved()[0], best_level()
    probe = make_vec(*lost_sales(), 1)
    recorded, learned = [], []
    asked: list[int] = []

    def refuse(count: int) -> Any:
        asked.append(count)
        raise AssertionError("an environment was asked for in training")

    for seed in seeds_of(trial.seed, trial.settings["seeds"]):
        dataset = records(level, EXPLORED, seed)
        recorded.append(100 * (-float(dataset.rewards.mean()) / best - 1))
        if trial.sabotaged:
            order = np.random.default_rng(seed).permutation(len(dataset.rewards))
            dataset = replace(dataset, rewards=dataset.rewards[order])
        policy = learn_on(
            refuse,
            "cql",
            spaces=(probe.single_observation_space, probe.single_action_space),
            seed=seed,
            steps=trial.settings["updates"],
            hp={"gamma": 0.9, "alpha": 0.05, "learning_rate": 1e-3},
            dataset=dataset,
        )
        learned.append(min(gap(policy, best, 100.0), 1e6))
    bars = {
        "behaviour, as recorded": float(np.mean(recorded)),
        "learned from its records": float(np.mean(learned)),
    }
    plot = Plot("Lost sales: cost above the optimum", y="%", bars=bars)
    figures = {
        "worst_share_of_the_gap": max(own / was for own, was in zip(learned, recorded, strict=True)),
        "gap_percent": float(np.median(learned)),
        "recorded_gap_percent": float(np.median(recorded)),
        "environments_asked_for": float(len(asked)),
    }
    return Measured(figures, plot)


def records(level: int, explored: float, seed: int) -> Dataset:
    """Episodes of a base-stock rule that orders at random in a share of the periods."""
    from sandbox_course.lost_sales import BaseStock, lost_sales
    from sandbox_inventory.lost_sales.model import LostSales, make_vec

    config, reward = lost_sales()
    envs, rng = make_vec(config, reward, EPISODES), np.random.default_rng(seed)
    rule: Any = BaseStock(level, LostSales(config).scale)
    observation, _ = envs.reset(seed=10_000 + EPISODES * seed)
    seen, actions, rewards = [np.array(observation)], [], []
    for _ in range(config.horizon):
        at_random = rng.random(EPISODES) < explored
        order = np.where(at_random, rng.integers(11, size=EPISODES), rule.act(observation))
        observation, earned, _, truncated, info = envs.step(order)
        last = np.array(observation)
        for row in np.flatnonzero(truncated):
            last[row] = info["final_obs"][row]
        seen.append(last)
        actions.append(order)
        rewards.append(np.array(earned, np.float64))
    envs.close()
    cut = np.zeros((EPISODES, config.horizon), np.bool_)
    cut[:, -1] = True
    return Dataset(
        observations=np.stack(seen, axis=1).reshape(-1, *seen[0].shape[1:]),
        actions=np.stack(actions, axis=1).reshape(-1),
        rewards=np.stack(rewards, axis=1).reshape(-1),
        terminated=np.zeros(cut.size, np.bool_),
        truncated=cut.reshape(-1),
        lengths=np.full(EPISODES, config.horizon),
    )
