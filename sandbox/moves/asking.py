"""Which classical methods can be asked what they would do while another agent plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sandbox.api.errors import MisfitError, SandboxError
from sandbox.api.types import Json
from sandbox.envs.env_state import get_state
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.moves.stage import Stage
from sandbox.scenarios.resolve import ResolvedScenario


def askable(
    scenario: ResolvedScenario, agents: Sequence[Agent], seed: int, *, strict: bool
) -> tuple[list[Agent], dict[str, str]]:
    """Those who can be asked, and why the others cannot.

    A method that searches for the whole episode at its beginning and does not plan again, or that hands
    control over to the simulator, has no answer to the state that somebody else's actions led to.

    Args:
        scenario: What is played.
        agents: Classical methods.
        seed: Of an episode to try them on.
        strict: Whether one that cannot be asked is an error.

    Raises:
        MisfitError: In strict mode, and where none is left.
    """
    stage = Stage(scenario)
    try:
        reasons = {agent.name: _reason(scenario, stage, agent, seed) for agent in agents}
    finally:
        stage.close()
    refused = {name: reason for name, reason in reasons.items() if reason}
    left = [agent for agent in agents if agent.name not in refused]
    if refused and (strict or not left):
        name, reason = next(iter(refused.items()))
        raise MisfitError(
            f"{name} cannot be asked what it would do: {reason}.", "Name others with --against."
        )
    return left, refused


def _reason(scenario: ResolvedScenario, stage: Stage, agent: Agent, seed: int) -> str:
    """Why an agent cannot be asked; empty where it can."""
    timed = {baseline.name for baseline in scenario.task.baselines if baseline.timed}
    try:
        stage.reset(seed)
        before = _state(stage)
        policy = policy_of(scenario, agent, stage.bare, stage.space, stage.seen)
        if agent.folder is None and agent.baseline in timed and not getattr(policy, "replans", False):
            return "it searches for a whole episode at once"
        policy.reset(stage.rows, seed)
        stage.act(policy, True)
    except SandboxError as error:
        return error.message.rstrip(".")
    return "" if same_state(before, _state(stage)) else "it acts on the simulator by itself"


def _state(stage: Stage) -> Json | None:
    return get_state(stage.bare) if stage.scenario.task.resume == "state" else None


def same_state(first: Any, second: Any) -> bool:
    """Whether two states, as ``get_state`` gives them, are the same to the last bit."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(same_state(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same_state, first, second))
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        a, b = np.asarray(first), np.asarray(second)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(np.array_equal(first, second, equal_nan=isinstance(first, float)))
