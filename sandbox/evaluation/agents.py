"""Agents: what plays the episodes of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.api.errors import UnknownNameError
from sandbox.api.policy import Policy
from sandbox.envs.models import models_of
from sandbox.evaluation.rollout import RandomPolicy
from sandbox.evaluation.same_spaces import require_same_spaces
from sandbox.registry.policies import load_policy
from sandbox.registry.resolve import resolve
from sandbox.registry.simple_policy import as_policy
from sandbox.scenarios.resolve import ResolvedScenario


@dataclass(frozen=True, slots=True)
class Agent:
    """Something that plays.

    Attributes:
        name: As it appears in tables.
        baseline: Name of the task's baseline (or ``random``), where it is one.
        folder: Where its policy is saved, where it has learned.
        deterministic: Whether a learned policy takes its mode.
        seconds: Wall time that a timed baseline has for each episode; what it takes by itself if absent.
        policy: What plays, where it lives in this process alone and cannot be saved.
    """

    name: str
    baseline: str | None = None
    folder: Path | None = None
    deterministic: bool = True
    seconds: float | None = None
    policy: Any = field(default=None, compare=False, repr=False)


def policy_of(
    scenario: ResolvedScenario,
    agent: Agent,
    env: Any,
    action_space: Any,
    observation_space: Any = None,
) -> Policy:
    """What an agent plays with.

    Args:
        scenario: What is played.
        agent: The agent.
        env: The task's own environment, which baselines may read.
        action_space: Space of one row's action.
        observation_space: Space of one row's observation as policies see it; not compared with what a
            policy was trained on if absent.

    Raises:
        UnknownNameError: For a baseline that the task does not have.
        MisfitError: For a policy that was trained on other actions or observations.
    """
    if agent.policy is not None:
        return bound(as_policy(agent.policy), scenario, env)
    if agent.folder is not None:
        require_same_spaces(agent.folder, agent.name, scenario, action_space, observation_space)
        return bound(load_policy(agent.folder), scenario, env)
    if agent.baseline == "random":
        return RandomPolicy(action_space)
    for baseline in scenario.task.baselines:
        if baseline.name == agent.baseline:
            limit = {"seconds": agent.seconds} if baseline.timed else {}
            return as_policy(resolve(baseline.make)(env, **limit))
    known = [baseline.name for baseline in scenario.task.baselines]
    raise UnknownNameError("baseline", str(agent.baseline), [*known, "random"])


def bound(policy: Policy, scenario: ResolvedScenario, env: Any) -> Policy:
    """A learned policy, given the environment and the task's models where it plans with them."""
    bind = getattr(policy, "bind", None)
    if bind is not None:
        bind(env, models_of(scenario))
    return policy


def native_policy(scenario: ResolvedScenario, agent: Agent, envs: Any) -> Policy:
    """What an agent plays with on a native vector environment; see `policy_of`.

    A row of the policy is an environment, or an agent of one.
    """
    space = getattr(envs.unwrapped, "row_action_space", envs.single_action_space)
    seen = getattr(envs.unwrapped, "row_observation_space", envs.single_observation_space)
    return policy_of(scenario, agent, envs.unwrapped, space, seen)
