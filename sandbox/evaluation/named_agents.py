"""Agents from what a user names: run directories, baselines, policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from sandbox.api.errors import DamagedRunError, InvalidValueError, MisfitError, UnknownNameError
from sandbox.api.policy import Policy
from sandbox.evaluation.agents import Agent
from sandbox.registry.simple_policy import as_policy
from sandbox.runs.directory import Run
from sandbox.runs.names import split_policy
from sandbox.scenarios.resolve import ResolvedScenario

Acting: TypeAlias = str | Path | Run | Policy | Callable[..., Any]
"""A name, a run, or anything that acts."""


def resolve_agents(
    agents: Sequence[Acting],
    scenario: ResolvedScenario,
    scratch: Path,
) -> list[Agent]:
    """What the names stand for; policies given as objects are saved below ``scratch``.

    Raises:
        UnknownNameError: For a name that is neither a run directory nor a baseline of the task.
        MisfitError: For a run whose policy was trained on other spaces.
    """
    resolved: list[Agent] = []
    for given in agents:
        agent = _resolve(given, scenario, scratch / str(len(resolved)))
        known = [(other.baseline, other.folder) for other in resolved]
        if agent.policy is None and (agent.baseline, agent.folder) in known:
            continue
        names = [other.name for other in resolved]
        if agent.name in names:
            number = 2 + sum(name.startswith(f"{agent.name}#") for name in names)
            agent = replace(agent, name=f"{agent.name}#{number}")
        resolved.append(agent)
    if not resolved:
        raise InvalidValueError("No agent was named.", "Name run directories, baselines or 'random'.")
    return resolved


def timed(agents: Sequence[Agent], scenario: ResolvedScenario, seconds: float | None) -> list[Agent]:
    """The agents, those that search with a wall time for each episode.

    Raises:
        InvalidValueError: If a time is given and none of them searches, or it is not positive.
    """
    if seconds is None:
        return list(agents)
    if not 0 < seconds < float("inf"):
        raise InvalidValueError(f"The time for an episode must be positive, not {seconds:g} s.")
    search = {baseline.name for baseline in scenario.task.baselines if baseline.timed}
    if not search & {agent.baseline for agent in agents}:
        raise InvalidValueError(
            "A time is given, but none of the agents searches.",
            f"These do: {', '.join(sorted(search))}."
            if search
            else f"No baseline of {scenario.spec.task} does.",
        )
    return [replace(agent, seconds=seconds) if agent.baseline in search else agent for agent in agents]


def baseline_agents(scenario: ResolvedScenario) -> list[Agent]:
    """The scenario's baselines and the random agent."""
    names = scenario.baselines()
    return [Agent(name, baseline=name) for name in [*names, *({"random"} - set(names))]]


def _resolve(given: Acting, scenario: ResolvedScenario, scratch: Path) -> Agent:
    if isinstance(given, Run):
        return _of_run(given, "final", scenario)
    if not isinstance(given, str | Path):
        return _of_object(given, scratch)
    text = str(given)
    known = [baseline.name for baseline in scenario.task.baselines]
    if text in [*known, "random"]:
        return Agent(text, baseline=text)
    path, which = split_policy(text)
    which = which or "final"
    if Path(path).exists() or "/" in path:
        return _of_run(Run.open(path), which, scenario)
    raise UnknownNameError("agent", text, [*known, "random"], "")


def _of_object(given: Any, scratch: Path) -> Agent:
    """A policy that can be saved plays anywhere, anything else that acts in this process."""
    from sandbox.registry.policies import algorithm_of

    as_policy(given)
    name = str(getattr(given, "name", None) or getattr(given, "__name__", type(given).__name__))
    if hasattr(given, "save"):
        scratch.mkdir()
        try:
            given.save(scratch)
            return Agent(algorithm_of(scratch), folder=scratch)
        except (NotImplementedError, DamagedRunError):
            pass
    return Agent(name, policy=given)


def _of_run(run: Run, which: str, scenario: ResolvedScenario) -> Agent:
    task = run.record.scenario.task
    if task != scenario.spec.task:
        raise MisfitError(
            f"The run '{run.path}' was trained on the task {task}, but {scenario.spec.id} is a scenario "
            f"of {scenario.spec.task}."
        )
    return learned_agent(run, which)


def learned_agent(run: Run, which: str = "final") -> Agent:
    """A policy of a run as an agent: ``<name>``, ``<name>-best`` or ``<name>-<steps>``."""
    name = run.algorithm if which == "final" else f"{run.algorithm}-{which}"
    sampled = bool(run.record.hyperparameters.get("stochastic", False))
    return Agent(name, folder=run.policy_folder(which).resolve(), deterministic=not sampled)
