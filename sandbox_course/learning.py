"""Trains and plays as the verbs of `sandbox` do, with a look at the policy while it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import sandbox
from sandbox.api import Dataset, StopTraining, TrainContext
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.evaluation.result import EvaluationResult
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.given import as_scenario
from sandbox.training.plan import make_plan

Look = Callable[[int, Callable[[], Any]], None]
"""Called with the steps so far and what gives the policy."""


def learn(
    scenario: str,
    algorithm: str,
    *,
    seed: int,
    steps: int,
    hp: Mapping[str, Any] | None = None,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    num_envs: int | None = None,
    init_from: Path | None = None,
    look: Look | None = None,
    wrap: Callable[[Any], Any] = lambda envs: envs,
) -> Any:
    """A policy that an algorithm learns on a scenario, without validations; nothing is written.

    Args:
        scenario: Name or file.
        algorithm: Name.
        seed: Of everything.
        steps: Of training.
        hp: Hyperparameters on top of the preset's.
        changes: Of the scenario, as ``--set`` takes them.
        reward: As ``--reward`` takes it.
        num_envs: The preset's if absent.
        init_from: Saved policy to start from.
        look: Is shown the policy at every update; may raise `StopTraining`.
        wrap: Of the training environments; a switch may change here what they tell.
    """
    resolved = as_scenario(scenario, changes, reward)
    plan = make_plan(
        resolved, algorithm, seed=seed, steps=steps, num_envs=num_envs, hp=hp or {}, init_from=init_from
    )
    context = TrainContext(
        make_envs=lambda count: wrap(make_training(resolved, count, seed)),
        observation_space=plan.observation_space,
        action_space=plan.action_space,
        config=plan.config,
        steps=plan.steps,
        seed=seed,
        num_envs=plan.num_envs,
        update=_update(look),
        masks=plan.masks,
        initial=plan.initial,
        models=models_of(resolved),
    )
    return _carry_out(plan.algorithm, context)


class OtherRewards:
    """Environments that give every row the reward of another: nothing can be learned from it."""

    def __init__(self, envs: Any) -> None:
        self._envs = envs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._envs, name)

    def step(self, actions: Any) -> Any:
        """The rewards, rolled by a row."""
        observation, reward, *rest = self._envs.step(actions)
        return observation, np.roll(reward, 1), *rest


def learn_on(
    make_envs: Callable[[int], Any] | None,
    algorithm: str,
    *,
    spaces: tuple[Any, Any],
    seed: int,
    steps: int,
    num_envs: int = 1,
    hp: Mapping[str, Any] | None = None,
    dataset: Dataset | None = None,
    expert: str | None = None,
    models: Any = None,
    look: Look | None = None,
) -> Any:
    """The same on environments of one's own; without any, an environment that is asked for is an error.

    Args:
        make_envs: ``(num_envs) -> VectorEnv`` in SAME_STEP mode.
        algorithm: Name.
        spaces: Of the observation and the action of a row.
        seed: Of everything.
        steps: Of training.
        num_envs: Environments side by side.
        hp: Hyperparameters in place of the defaults.
        dataset: Of an offline algorithm.
        expert: Name of what ``info["expert_action"]`` holds.
        models: The task's models.
        look: Is shown the policy at every update; may raise `StopTraining`.
    """
    chosen = registry().algorithm(algorithm)

    def none(count: int) -> Any:
        raise AssertionError("an environment was asked for in training")

    context = TrainContext(
        make_envs=make_envs or none,
        observation_space=spaces[0],
        action_space=spaces[1],
        config=resolve(chosen.config)(**(hp or {})),
        steps=steps,
        seed=seed,
        num_envs=num_envs,
        update=_update(look),
        dataset=dataset,
        expert=expert,
        models=models,
    )
    return _carry_out(chosen, context)


def played(
    agents: Sequence[Any],
    scenario: str,
    *,
    seed: int,
    episodes: int,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
) -> EvaluationResult:
    """Agents on test episodes whose seeds begin ``seed`` after the scenario's first.

    All in this process: a claim has one core.
    """
    low, high = as_scenario(scenario, changes).spec.evaluation.seeds.test
    first = low + seed % max(high - low - episodes, 1)
    seeds = f"evaluation.seeds.test=[{first},{high}]"
    return sandbox.evaluate(
        list(agents), scenario, changes=[*changes, seeds], reward=reward, episodes=episodes, num_workers=1
    )


def mean_of(table: EvaluationResult, agent: str, metric: str | None = None) -> float:
    """Mean of a metric over an agent's episodes."""
    return float(np.mean(table.values(agent, metric)))


def first_name(table: EvaluationResult) -> str:
    """Name of the agent that was given first."""
    return str(table.agents[0].name)


def seeds_of(seed: int, count: int) -> range:
    """The seeds of a claim's runs."""
    return range(seed, seed + count)


def _update(look: Look | None) -> Any:
    def update(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        if look is not None:
            look(steps, policy)

    return update


def _carry_out(algorithm: Any, context: TrainContext) -> Any:
    """The final policy; that of the moment where a look ended the training."""
    last: list[Any] = []
    update = context.update

    def kept(steps: int, policy: Any, values: Any = None, state: Any = None) -> None:
        try:
            update(steps, policy, values, state)
        except StopTraining:
            last.append(policy())
            raise

    try:
        return resolve(algorithm.train)(replace(context, update=kept))
    except StopTraining:
        return last[-1]
