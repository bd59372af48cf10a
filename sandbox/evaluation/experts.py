"""Whoever ``--expert`` names: a baseline of the task, or a policy that was trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.api.errors import MisfitError, UnknownNameError
from sandbox.api.policy import Policy
from sandbox.api.types import Space
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.evaluation.named_agents import resolve_agents
from sandbox.registry.policies import load_policy
from sandbox.runs.names import split_policy
from sandbox.scenarios.resolve import ResolvedScenario


@dataclass(frozen=True)
class Expert:
    """An agent that labels what a learner sees; see `sandbox.envs.expert.MakeExpert`.

    Attributes:
        scenario: What is played.
        agent: Who is asked.
        given: How it was named, absolute where it is a run, so that it can be named again.
        memoryless: Whether its action depends on the present state alone.
    """

    scenario: ResolvedScenario
    agent: Agent
    given: str
    memoryless: bool

    def __call__(self, env: Any, action_space: Space) -> Policy:
        """The expert's policy, bound to an environment."""
        return policy_of(self.scenario, self.agent, env, action_space)


def find_expert(name: str | Path, scenario: ResolvedScenario) -> Expert:
    """The expert that a name stands for.

    Raises:
        UnknownNameError: If it is neither a baseline of the task nor a run.
        MisfitError: If it was trained on another task.
    """
    try:
        (agent,) = resolve_agents([name], scenario, Path())
    except UnknownNameError as error:
        known = [baseline.name for baseline in scenario.task.baselines]
        raise UnknownNameError("expert", str(name), known, error.hint) from None
    if agent.folder is not None:
        path, which = split_policy(str(name))
        given = str(Path(path).resolve()) + (f"@{which}" if path != str(name) else "")
        memoryless = bool(getattr(load_policy(agent.folder), "memoryless", True))
        return Expert(scenario, agent, given, memoryless)
    if agent.baseline == "random":
        raise MisfitError("Random actions are no expert.", "Name a baseline or a run.")
    baseline = next(known for known in scenario.task.baselines if known.name == agent.baseline)
    return Expert(scenario, agent, baseline.name, baseline.memoryless)
