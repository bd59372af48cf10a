"""Algorithms that try: on the shelf, the short corridor and the regulator of `tests/toys`."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import toy_corridor
from answer import Answer
from tabular_support import copies

import sandbox
from sandbox.api import TrainContext
from sandbox.backends.tabular.planning import begin, evaluate_policy, improve
from sandbox.envs.models import models_of
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.given import as_scenario

QUIET = ["evaluation.validations=0"]


def shelf_share(run: Any) -> float:
    """Exact value of a run's policy on the shelf over the optimal one, in the worst state."""
    model = models_of(as_scenario("toy/shelf")).finite
    solution = begin(model)
    while not solution.done:
        solution = improve(model, solution, 1e-10)
    seen = model.observe(np.arange(model.num_states))
    orders = run.policy.act(seen, model.allowed)
    # The shelf leaves out what does not fit.
    room = model.num_states - 1 - np.arange(model.num_states)
    values, _ = evaluate_policy(model, np.minimum(orders, room))
    return float((values / solution.values).min())


def on_the_shelf(bound: float, steps: int, num_envs: int = 1, **hp: Any) -> Answer:
    """An evening's order from a stock of at most five: the share of the optimal discounted value."""

    def reached(name: str) -> float:
        run = sandbox.train("toy/shelf", name, steps=steps, num_envs=num_envs, hp=hp)
        return shelf_share(run)

    return Answer("shelf, optimum by policy iteration", 1.0, bound, reached, untrained=0.8)


def in_the_corridor(steps: int, **hp: Any) -> Answer:
    """Blind to where it is, a policy does best to go right with probability 2 − √2."""

    def reached(name: str) -> float:
        run = sandbox.train("toy/corridor", name, steps=steps, num_envs=64, hp=hp, changes=QUIET)
        return toy_corridor.value(right(run.policy))

    value = -(6 + 4 * math.sqrt(2))
    return Answer("short corridor, Sutton & Barto (2018), Example 13.1", value, 0.12, reached, -16.0)


def right(policy: Any) -> float:
    """Share of 20,000 draws of a policy in the corridor that go right."""
    policy.reset(20_000, 0)
    drawn = policy.act(np.ones((20_000, 1), np.float32), deterministic=False)
    return float(np.mean(drawn == toy_corridor.RIGHT))


def with_memory(name: str) -> float:
    """Steps that a policy with a memory needs in the corridor: right, then left where that leads right."""
    hp = {"n_steps": 32, "batch_size": 256, "learning_rate": 0.01, "lstm_hidden_size": 16, "net_arch": [],
          "gamma": 0.95}  # fmt: skip
    run = sandbox.train("toy/corridor", name, steps=20_000, num_envs=16, hp=hp, changes=QUIET)
    table = sandbox.evaluate([run], "toy/corridor", episodes=4)
    return float(np.mean(table.values(name)))


def on_the_regulator(
    bound: float, steps: int, num_envs: int = 1, changes: tuple[str, ...] = (), **hp: Any
) -> Answer:
    """A linear system held at the origin: the cost over that of the Riccati gains, on the same noise."""

    def reached(name: str) -> float:
        scenario = as_scenario("toy/regulator", [*QUIET, *changes])
        run = sandbox.train(scenario, name, steps=steps, num_envs=num_envs, hp=hp)
        return regulator_cost(run, name)

    return Answer("regulator, optimum by the Riccati equation", 1.0, bound, reached, untrained=15.0)


def regulator_cost(run: Any, name: str, episodes: int = 40) -> float:
    """Mean cost of a run's policy over that of the optimal controller, on the same episodes."""
    table = sandbox.evaluate([run, "optimal"], "toy/regulator", episodes=episodes)
    learned, best = (float(np.mean(table.values(player))) for player in (name, "optimal"))
    return learned / best


class Match(gym.Env[Any, Any]):
    """One step: a number from −1 to 1 is shown, and a push a pays −(a − x)²."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Box(-2.0, 2.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.shown = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self.shown, {}

    def step(self, action: Any) -> Any:
        return self.shown, -float((action[0] - self.shown[0]) ** 2), True, False, {}


def matching(steps: int, **hp: Any) -> Answer:
    """Mean distance of the push from the number that is shown."""

    def reached(name: str) -> float:
        algorithm = registry().algorithm(name)
        context = TrainContext(
            make_envs=lambda num_envs: copies(Match, num_envs),
            observation_space=Match.observation_space,
            action_space=Match.action_space,
            config=resolve(algorithm.config)(**hp),
            steps=steps,
            seed=0,
            num_envs=1,
            update=lambda steps, policy, values=None, state=None: None,
        )
        shown = np.linspace(-1, 1, 41, dtype=np.float32)[:, None]
        policy = resolve(algorithm.train)(context)
        policy.reset(len(shown), 0)
        pushed = policy.act(shown)
        return float(np.abs(pushed - shown).mean())

    return Answer("a push that matches the number that is shown", 0.0, 0.2, reached, untrained=0.5)


EXPLORING = {"gamma": 0.95, "epsilon_final": 0.3}
DEEP = {"gamma": 0.95, "learning_rate": 0.003, "learning_starts": 200, "batch_size": 64, "net_arch": [32],
        "target_update_interval": 100, "exploration_fraction": 0.5}  # fmt: skip
SOFT = {
    "learning_rate": 0.003,
    "batch_size": 64,
    "learning_starts": 300,
    "net_arch": [32],
    "buffer_size": 10_000,
}
NEAR = ("config.horizon=12",)
"""Short episodes in training, so that what is learned of lies where good play stays."""

BLIND: dict[str, Any] = {"gamma": 1.0, "net_arch": [], "n_steps": 64, "stochastic": True,
                         "learning_rate_schedule": "linear"}  # fmt: skip

ANSWERS: dict[str, Answer] = {
    "value-iteration": on_the_shelf(1e-9, 2_000),
    "policy-iteration": on_the_shelf(1e-9, 100),
    "q-learning": on_the_shelf(0.03, 20_000, 20, **EXPLORING),
    "sarsa": on_the_shelf(0.1, 60_000, 20, gamma=0.95, epsilon_final=0.02),
    "dyna-q": on_the_shelf(0.01, 20_000, 20, **EXPLORING, planning_steps=3),
    "dqn": on_the_shelf(0.05, 4_000, **DEEP),
    "qr-dqn": on_the_shelf(0.05, 4_000, **DEEP | {"learning_rate": 0.01}, n_quantiles=10),
    "maskable-ppo": on_the_shelf(
        0.05, 16_000, 16, gamma=0.95, learning_rate=0.003, n_steps=64, batch_size=256
    ),
    "reinforce": in_the_corridor(
        200_000, net_arch=[], episodes_per_update=512, learning_rate=0.04, schedule="linear",
        reward_to_go=True, baseline=True, value_epochs=1, value_batch_size=2048,
    ),
    "ppo": in_the_corridor(100_000, **BLIND, learning_rate=0.02, batch_size=1024),
    "a2c": in_the_corridor(100_000, **BLIND | {"n_steps": 32}, learning_rate=0.02),
    "trpo": in_the_corridor(100_000, **BLIND, batch_size=1024, learning_rate=0.05),
    "recurrent-ppo": Answer(
        "short corridor with a memory: three steps, counted in its picture", 3.0, 1e-9, with_memory, 11.66
    ),
    "ars": on_the_regulator(0.05, 15_000, n_delta=4, learning_rate=0.05, delta_std=0.1),
    "sac": matching(900, **SOFT),
    "td3": matching(900, **SOFT, action_noise_std=0.3),
    "tqc": matching(900, **SOFT, n_quantiles=5),
    "crossq": matching(1_400, **SOFT),
    "pathwise": on_the_regulator(0.02, 64 * 32 * 120, copies=64, learning_rate=0.02, net_arch=[]),
}  # fmt: skip
