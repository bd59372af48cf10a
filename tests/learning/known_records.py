"""Algorithms that learn from records or an expert, and those that plan: answers in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import toy_regulator
import toy_shelf
from answer import Answer
from known_control import matching

import sandbox
from sandbox.api import Dataset, TrainContext
from sandbox.backends.tabular.planning import evaluate_policy
from sandbox.envs.models import models_of
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.given import as_scenario

ARMS = gym.spaces.Discrete(3, start=4)
PUSH = gym.spaces.Box(-2.0, 2.0, (1,))
SMALL = {"learning_rate": 0.01, "net_arch": [16], "batch_size": 64, "target_rate": 0.05,
         "normalize_reward": False}  # fmt: skip
ALPHA, TEMPERATURE = 0.5, 1.5


def logged(actions: Any, rewards: Any, length: int = 1, terminated: bool = True) -> Dataset:
    """Episodes of so many steps, in all of which the same is seen."""
    count, last = len(actions), np.zeros(len(actions), bool)
    last[length - 1 :: length] = True
    return Dataset(
        observations=np.zeros((count + count // length, 1), np.float32),
        actions=np.asarray(actions),
        rewards=np.asarray(rewards, float),
        terminated=last & terminated,
        truncated=last & (not terminated),
        lengths=np.full(count // length, length),
    )


def learned(
    name: str, dataset: Dataset | None, space: gym.Space[Any], steps: int, hp: Any, **rest: Any
) -> Any:
    """The policy that an algorithm of the registry learns without an environment."""
    algorithm = registry().algorithm(name)

    def refuse(num_envs: int) -> Any:
        raise AssertionError("an environment was asked for")

    context = TrainContext(
        make_envs=refuse,
        observation_space=gym.spaces.Box(-1, 1, (1,)),
        action_space=space,
        config=resolve(algorithm.config)(**hp),
        steps=steps,
        seed=0,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
        dataset=dataset,
        **rest,
    )
    return resolve(algorithm.train)(context)


def outputs(policy: Any) -> Any:
    """What the acting network says where all steps were taken."""
    with torch.no_grad():
        return policy.actor(torch.zeros(1, 1)).numpy()[0]


def arms(steps: int, read: Callable[[Any], float], **hp: Any) -> Callable[[str], float]:
    """Learns of 300 pulls of the arms 4 and 5, which pay 0 and 1."""

    def reached(name: str) -> float:
        dataset = logged(np.tile([4, 5], 150), np.tile([0.0, 1.0], 150))
        return read(learned(name, dataset, ARMS, steps, hp))

    return reached


def cloned_odds(name: str) -> float:
    """Log-odds of the arm that is pulled in three of four records."""
    dataset = logged(np.tile([4, 5, 5, 5], 100), np.zeros(400))
    hp = {"learning_rate": 0.01, "net_arch": [], "weight_decay": 0.0}
    said = outputs(learned(name, dataset, ARMS, 400, hp))
    return float(said[1] - said[0])


def penalised_difference() -> float:
    """Q(5) − Q(4) at the minimum of CQL's loss.

    Of each of the two arms, pulled alike often, ∂/∂Q of ½ (Q − r)²/2 + α (log Σ exp Q − Q/2) is
    (Q − r)/2 + α (p − 1/2), p being its share of exp Q. With d = Q(5) − Q(4): d = 1 − 2α tanh(d/2).
    """
    difference = 0.5
    for _ in range(200):
        difference = 0.5 * difference + 0.5 * (1 - 2 * ALPHA * np.tanh(difference / 2))
    return float(difference)


def chain_value(name: str) -> float:
    """The same state for ever, with a reward of 1: the value of its worst action."""
    dataset = logged(np.tile([4, 5, 6], 30), np.ones(90), length=90, terminated=False)
    return float(outputs(learned(name, dataset, ARMS, 5, {"gamma": 0.5, "features": 2, "ridge": 1e-6})).min())


def best_push(name: str) -> float:
    """A push a pays −(a − 1)²; records are uniform on [−2, 2]."""
    pushes = np.random.default_rng(0).uniform(-2, 2, (400, 1)).astype(np.float32)
    dataset = logged(pushes, -((pushes[:, 0] - 1) ** 2))
    policy = learned(name, dataset, PUSH, 1_500, {**SMALL, "alpha": 20.0})
    return float(policy.act(np.zeros((1, 1), np.float32))[0, 0])


def asked_for(name: str) -> float:
    """A push pays what it is: asked for a return of −1, the push is −1."""
    pushes = np.random.default_rng(0).uniform(-2, 2, (400, 1)).astype(np.float32)
    hp = {"context": 1, "width": 32, "layers": 1, "dropout": 0.0, "learning_rate": 0.003, "batch_size": 64,
          "target_return": -1.0}  # fmt: skip
    policy = learned(name, logged(pushes, pushes[:, 0]), PUSH, 600, hp)
    policy.reset(1)
    return float(policy.act(np.zeros((1, 1), np.float32))[0, 0])


def of_an_expert(steps: int, **hp: Any) -> Answer:
    """An expert fills the shelf, whatever that earns: the share of stocks from which it is filled."""

    def reached(name: str) -> float:
        run = sandbox.train("toy/shelf", name, expert="fill", steps=steps, num_envs=8, hp=hp)
        stock = np.arange(2, 6)  # all that a full shelf comes to
        orders = run.policy.act(stock[:, None].astype(np.float32) / 5, np.arange(6) <= 5 - stock[:, None])
        return float(np.mean(orders == 5 - stock))

    return Answer("shelf, whose expert is known in every state", 1.0, 0.0, reached, untrained=0.25)


class Pushes:
    """Copies of the regulator for a planner; its noise is zero, so that the plan is exact."""

    def __init__(self, config: Any, reward: Any, num_envs: int) -> None:
        self.dynamics, self.reward = toy_regulator.RegulatorDynamics(config), reward
        self.position = np.zeros((num_envs, 1))

    def branch(self, env: Any, rows: Any, streams: Any, rng: np.random.Generator) -> None:
        self.position = np.asarray(env.position, float)[rows]

    def observe(self) -> Any:
        return self.position

    def step(self, actions: Any) -> tuple[Any, Any]:
        state, happened = self.dynamics.step({"position": self.position}, actions, np.zeros_like(actions), np)
        self.position = state["position"]
        return self.reward(happened).total, np.zeros(len(actions), bool)


def planned_gain(name: str) -> float:
    """Push of the plan over the position, at three positions, with as many steps to go as the recursion."""
    config, reward = toy_regulator.RegulatorConfig(), toy_regulator.REWARDS["quadratic"]
    models = replace(models_of(as_scenario("toy/regulator")), make_simulator=Pushes)
    hp = {"horizon": 4, "candidates": 256, "iterations": 8, "method": "cem", "correlation": 0.0}
    space = toy_regulator.spaces(config)[1]
    policy = learned(name, None, space, 1, hp, models=models)
    envs = toy_regulator.make_vec(config, reward, 3)
    envs.reset(seed=0)
    envs.position = np.array([[1.0], [-0.5], [0.75]])
    policy.bind(envs, models)
    policy.reset(3, 0)
    return float(np.mean(-policy.act(envs.position) / envs.position))


class Evenings:
    """Copies of the shelf for a planner; an evening's demand is that of its stream."""

    def __init__(self, config: Any, reward: Any, num_envs: int) -> None:
        self.config, self.reward, self.stock = config, reward, np.zeros(num_envs, np.int64)

    def branch(self, env: Any, rows: Any, streams: Any, rng: np.random.Generator) -> None:
        self.stock, self.streams, self.rng = env.core.stock[rows], streams, rng

    def observe(self) -> Any:
        return (self.stock[:, None] / self.config.capacity).astype(np.float32)

    def step(self, actions: Any) -> tuple[Any, Any]:
        order = np.minimum(actions, self.config.capacity - self.stock)
        demand = self.rng.choice(4, int(self.streams.max()) + 1, p=toy_shelf.DEMAND)[self.streams]
        happened = toy_shelf.evening(self.stock, order, demand)
        self.stock = happened.left
        return self.reward(happened).total, np.zeros(len(order), bool)


def improved_orders(name: str) -> float:
    """Share of stocks in which looking one step ahead of `fill` is policy iteration's next policy."""
    scenario = as_scenario("toy/shelf")
    models = replace(models_of(scenario), make_simulator=Evenings)
    model, count = models.finite, models.finite.num_states
    values, _ = evaluate_policy(model, count - 1 - np.arange(count))
    best = np.where(model.allowed, model.action_values(values), -np.inf).argmax(1)
    hp = {"horizon": 40, "scenarios": 2_000, "gamma": toy_shelf.DISCOUNT, "confidence": 0.0}
    policy = learned(name, None, gym.spaces.Discrete(count), 1, hp, models=models, expert="fill")
    envs = toy_shelf.make_vec(scenario.config, scenario.reward, count)
    envs.reset(seed=0)
    envs.core.stock = np.arange(count)
    policy.bind(envs, models)
    policy.reset(count, 0)
    chosen = policy.act(model.observe(np.arange(count)), model.allowed)
    return float(np.mean(chosen == best))


IN_A_MODEL = {"random_steps": 150, "steps_per_fit": 100, "net_arch": [32], "members": 3, "max_epochs": 100,
              "learning_rate": 5e-3, "patience": 20}  # fmt: skip

ANSWERS: dict[str, Answer] = {
    "bc": Answer("two arms, pulled 1 to 3: log-odds log 3", float(np.log(3)), 0.1, cloned_odds, 0.0),
    "dagger": of_an_expert(2_000, learning_rate=0.01),
    "gail": of_an_expert(12_000),
    "cql": Answer(
        "two arms that pay 0 and 1: values at the minimum of the penalised loss",
        penalised_difference(),
        0.05,
        arms(600, lambda policy: outputs(policy)[1] - outputs(policy)[0], **SMALL | {"net_arch": []},
             alpha=ALPHA),
        0.0,
    ),
    "iql": Answer(
        "two arms that pay 0 and 1: the policy is the behaviour times exp(advantage × temperature)",
        TEMPERATURE,
        0.15,
        arms(600, lambda policy: outputs(policy)[1] - outputs(policy)[0], **SMALL, temperature=TEMPERATURE),
        0.0,
    ),
    "lspi": Answer("a state for ever: V = 1/(1 − γ)", 2.0, 1e-3, chain_value, 0.0),
    "td3-bc": Answer("a push that pays −(a − 1)²", 1.0, 0.2, best_push, 0.0),
    "decision-transformer": Answer("a push pays itself: the return asked for", -1.0, 0.15, asked_for, 0.0),
    "planning": Answer(
        "regulator without noise, four steps to go: the Riccati gain",
        float(toy_regulator.riccati(toy_regulator.RegulatorConfig(horizon=4),
                                    toy_regulator.REWARDS["quadratic"].weights)[0][0]),
        0.05,
        planned_gain,
        0.0,
    ),
    "rollout": Answer("shelf: one round of policy iteration from `fill`", 1.0, 0.0, improved_orders, 0.2),
    "pets": matching(400, **IN_A_MODEL, candidates=50, horizon=2),
    "mbpo": matching(
        400, **IN_A_MODEL, policy_arch=[32], updates_per_step=3, rollouts=300, policy_learning_rate=3e-3,
        batch_of_policy=64,
    ),
}  # fmt: skip
