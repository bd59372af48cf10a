"""Environments from scenarios: single, vectorised and multi-agent, with seeds that never mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from sandbox.api.errors import InvalidValueError
from sandbox.api.types import Environment, VectorEnvironment
from sandbox.envs.ahead import with_ahead
from sandbox.envs.expert import MakeExpert, NativeExpertLabels
from sandbox.envs.seeding import EnvSeeds, NativeSeeds
from sandbox.envs.single import EnvFactory, make_single
from sandbox.envs.vector import (
    SameStep,
    as_asked,
    as_rows,
    is_native,
    joined,
    native,
    native_resume,
    raw_native,
    same_step,
)
from sandbox.registry.discover import registry
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.listing import entries
from sandbox.scenarios.resolve import ResolvedScenario


def make(
    scenario: str | Path | ResolvedScenario,
    *,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    render_mode: str | None = None,
    evaluation: bool = False,
) -> Any:
    """One environment.

    Args:
        scenario: Name, file or resolved scenario.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs, as ``--reward`` takes them.
        render_mode: As in Gymnasium.
        evaluation: Use the parameters of evaluation instead of those of training.

    Returns:
        A ``gymnasium.Env``, or a ``pettingzoo.ParallelEnv`` where the task has several agents.

    Raises:
        SandboxError: Explains what is wrong with the scenario or its files.
    """
    return make_single(as_scenario(scenario, changes, reward), render_mode, evaluation=evaluation)


def make_vec(
    scenario: str | Path | ResolvedScenario,
    num_envs: int,
    *,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    workers: bool | None = None,
) -> VectorEnvironment:
    """A vector environment in SAME_STEP autoreset mode.

    Native where the task batches its own dynamics; otherwise each environment has a worker process, or
    all are in this process where the task is cheap. In a multi-agent task every agent of every
    environment is a row (see `sandbox.envs.multiagent`).

    Args:
        scenario: Name, file or resolved scenario.
        num_envs: Number of environments, at least 1.
        changes: As for `make`.
        reward: As for `make`.
        workers: Whether environments run in processes of their own; as the task declares if absent.
    """
    resolved = as_scenario(scenario, changes, reward)
    if num_envs < 1:
        raise InvalidValueError(f"num_envs must be at least 1, not {num_envs}.")
    if is_native(resolved):
        return as_rows(resolved, native(resolved, num_envs, evaluation=False))
    return joined(
        resolved,
        [EnvFactory(resolved) for _ in range(num_envs)],
        not resolved.task.cheap if workers is None else workers,
    )


def make_training(
    scenario: ResolvedScenario, num_envs: int, seed: int, expert: MakeExpert | None = None
) -> VectorEnvironment:
    """The vector environment of a training run.

    Every episode has a seed of its own from the scenario's training range, drawn from a stream that
    belongs to the run's seed and the environment's index; a natively batched task seeds each environment
    from that range once and goes on from there, unless its episodes may have to be played again. With an
    expert that remembers what it did, episodes are played in single environments.
    """
    low, high = scenario.spec.evaluation.seeds.train
    if is_native(scenario) and (expert is None or expert.memoryless):
        raw = raw_native(scenario, num_envs, evaluation=False)
        mode = native_resume(scenario, raw)
        raw = with_ahead(raw)
        if mode == "replay":
            seeded: VectorEnvironment = SameStep(EnvSeeds(raw, seed, low, high))
        else:
            seeded = NativeSeeds(same_step(raw), seed, low, high, mode)
        asked = as_asked(scenario, seeded)
        return as_rows(scenario, asked if expert is None else NativeExpertLabels(asked, expert))
    factories = [
        EnvFactory(scenario, seeds=(seed, index, low, high), expert=expert) for index in range(num_envs)
    ]
    return joined(scenario, factories, workers=not scenario.task.cheap)


def register_envs() -> list[str]:
    """Register every single-agent scenario with Gymnasium as ``sandbox/<domain>-<name>-v<task version>``.

    Returns:
        The ids. Scenarios that cannot be read and multi-agent ones are left out.
    """
    ids = []
    for entry in entries():
        if entry.error is not None or entry.agents != "single":
            continue
        task = registry().task(entry.task)
        env_id = f"sandbox/{entry.id.replace('/', '-')}-v{task.version}"
        if env_id not in gym.registry:
            gym.register(env_id, entry_point=_GymnasiumEntry(entry.id), order_enforce=True)
        ids.append(env_id)
    return ids


@dataclass(frozen=True)
class _GymnasiumEntry:
    """Makes the environment of a scenario with Gymnasium's calling convention."""

    scenario: str

    def __call__(self, render_mode: str | None = None, **config: Any) -> Environment:
        changes = [f"{key}={value}" for key, value in config.items()]
        env: Environment = make(self.scenario, changes=changes, render_mode=render_mode)
        return env
