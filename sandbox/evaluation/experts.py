"""Whoever ``--expert`` names: a baseline of the task, or a policy that was trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError, UnknownNameError
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Observation, Space
from sandbox.envs.expert import HasState
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
        seen: Observation space of what learns; None leaves a run's observations uncompared.
    """

    scenario: ResolvedScenario
    agent: Agent
    given: str
    memoryless: bool
    seen: Space | None = None

    def __call__(self, env: Any, action_space: Space) -> Policy:
        """The expert's policy, bound to an environment.

        One that was trained on other observations is shown the environment's state instead, where it has one
        of that form (see `sandbox.envs.expert.HasState`).

        Raises:
            MisfitError: If it was trained on neither, or on other actions.
        """
        try:
            return policy_of(self.scenario, self.agent, env, action_space, self.seen)
        except MisfitError:
            if not hasattr(env, "state_space"):
                raise
            shown = policy_of(self.scenario, self.agent, env, action_space, env.state_space)
            return StatePolicy(shown, env)


class StatePolicy:
    """A policy that is shown the state of an environment, whatever the learner beside it observes.

    Args:
        policy: Trained on such states.
        env: With `sandbox.envs.expert.HasState`; one environment or a batch.
    """

    def __init__(self, policy: Policy, env: HasState) -> None:
        self._policy, self._env = policy, env

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Begin episodes."""
        self._policy.reset(num_envs, seed)

    def act(
        self,
        observation: Observation,
        mask: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> Array:
        """Actions for the present states; the observations are not looked at."""
        state = np.asarray(self._env.state())
        batch = state.reshape(-1, *(self._env.state_space.shape or ()))
        return self._policy.act(batch, mask, deterministic)

    def save(self, directory: Path) -> None:
        """Save the policy that is shown the states."""
        self._policy.save(directory)


def find_expert(name: str | Path, scenario: ResolvedScenario, seen: Space | None = None) -> Expert:
    """The expert that a name stands for.

    Args:
        name: Of a baseline, or a run.
        scenario: What is played.
        seen: Observation space of a row of what learns.

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
        return Expert(scenario, agent, given, memoryless, seen)
    if agent.baseline == "random":
        raise MisfitError("Random actions are no expert.", "Name a baseline or a run.")
    baseline = next(known for known in scenario.task.baselines if known.name == agent.baseline)
    return Expert(scenario, agent, baseline.name, baseline.memoryless)
