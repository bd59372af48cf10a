"""Whether an algorithm can be trained on a task, decided from spaces and capabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple, get_args, get_origin

import numpy as np
from gymnasium import spaces

from sandbox.api.agents import Agents
from sandbox.api.algorithm import Algorithm
from sandbox.api.errors import MisfitError, SandboxError
from sandbox.api.types import Space
from sandbox.envs.single import EnvFactory, make_single
from sandbox.envs.vector import is_native, native
from sandbox.registry.discover import registry
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.needs import missing_models, tasks_with


class RowSpaces(NamedTuple):
    """What a policy sees of a task.

    Attributes:
        observation: Space of one row.
        action: Space of one row.
        masks: Whether action masks are given.
    """

    observation: Space
    action: Space
    masks: bool


def spaces_of(scenario: ResolvedScenario) -> RowSpaces:
    """The spaces of a task; makes an environment to read them."""
    if is_native(scenario):
        envs = native(scenario, 1, evaluation=False)
        try:
            if scenario.task.agents == "parallel":
                rows: Any = envs.unwrapped
                return RowSpaces(rows.row_observation_space, rows.row_action_space, scenario.task.masks)
            return RowSpaces(envs.single_observation_space, envs.single_action_space, scenario.task.masks)
        finally:
            envs.close()
    env = EnvFactory(scenario)()
    try:
        if scenario.task.agents == "parallel":
            joint: Any = env
            masks = scenario.task.masks or joint.padded_actions
            return RowSpaces(joint.row_observation_space, joint.row_action_space, masks)
        return RowSpaces(env.observation_space, env.action_space, scenario.task.masks)
    finally:
        env.close()


def agents_of(scenario: ResolvedScenario, algorithm: Algorithm) -> Agents | None:
    """The agents that an algorithm is told apart, with their own spaces; makes an environment to read them.

    None for an algorithm that is not ``"joint"``.
    """
    if scenario.task.agents != "parallel" or "joint" not in algorithm.capabilities.agents:
        return None
    env = make_single(scenario)
    try:
        names = tuple(env.possible_agents)
        return Agents(
            names,
            tuple(env.observation_space(name) for name in names),
            tuple(env.action_space(name) for name in names),
        )
    finally:
        env.close()


def fitting(scenario: ResolvedScenario, observation_space: Space, action_space: Space) -> list[str]:
    """Names of the algorithms that can be trained on a task with nothing else given, installed or not."""
    return [
        algorithm.name
        for algorithm in registry().algorithms.working()
        if not _misfits(scenario, algorithm, observation_space, action_space)
        and not algorithm.capabilities.needs & {"dataset", "expert"}
        and not algorithm.capabilities.needs_any
    ]


def check_fit(
    scenario: ResolvedScenario, algorithm: Algorithm, observation_space: Space, action_space: Space
) -> None:
    """Refuse an algorithm that cannot be trained on the task, naming those that can.

    Raises:
        MisfitError: With every reason.
    """
    misfits = _misfits(scenario, algorithm, observation_space, action_space)
    if misfits:
        names = ", ".join(fitting(scenario, observation_space, action_space))
        hint = f"These fit: {names}." if names else ""
        lacking = algorithm.capabilities.needs - {"dataset", "expert"}
        if lacking and missing_models(scenario, algorithm) == misfits:
            known = ", ".join(tasks_with(min(lacking)))
            hint = f"Tasks that offer it: {known}. {hint}".strip() if known else hint
        if setting := _setting_that_fits(scenario, algorithm):
            hint = f"With --set {setting} it fits. {hint}".strip()
        raise MisfitError(f"{algorithm.name} does not fit {scenario.spec.id}: {' and '.join(misfits)}.", hint)


def _setting_that_fits(scenario: ResolvedScenario, algorithm: Algorithm) -> str | None:
    """A choice among a task's parameters with which an algorithm fits, as ``--set`` takes it."""
    if not scenario.task.cheap:
        return None
    for name, field in type(scenario.config).model_fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        for choice in choices:
            config = {**scenario.spec.config, name: choice}
            changed = replace(scenario, spec=scenario.spec.model_copy(update={"config": config}))
            try:
                spaces = spaces_of(changed.check())
            except SandboxError:  # the choice needs other parameters as well
                continue
            if not _misfits(changed, algorithm, spaces.observation, spaces.action):
                return f"{name}={choice}"
    return None


def _misfits(
    scenario: ResolvedScenario, algorithm: Algorithm, observation_space: Space, action_space: Space
) -> list[str]:
    can = algorithm.capabilities
    misfits = space_misfits(algorithm, observation_space, action_space)
    settings = {"single"} if scenario.task.agents == "single" else {"parallel", "joint"}
    if not settings & can.agents:
        misfits.append(f"the task has {scenario.task.agents} agents, which it does not support")
    if can.search and not scenario.task.game:
        misfits.append("it searches with the rules of a game, which the task does not have")
    return misfits + missing_models(scenario, algorithm)


def space_misfits(algorithm: Algorithm, observation_space: Space, action_space: Space) -> list[str]:
    """Why an algorithm cannot be trained with these spaces; empty if it can."""
    can = algorithm.capabilities
    misfits = []
    for what, space, known in (
        ("action", action_space, can.action_spaces),
        ("observation", observation_space, can.observation_spaces),
    ):
        kind = type(space).__name__
        if kind not in known:
            misfits.append(f"the task has {what} space {kind}, it takes {', '.join(sorted(known))}")
        elif reason := _unlearnable(what, space) or (can.search and _no_game(space)):
            misfits.append(reason)
    return misfits


def _no_game(space: Space) -> str | None:
    """Why this is no space of a game whose rules are searched; see `sandbox.api.game.Game`."""
    if isinstance(space, spaces.Box) and len(space.shape) != 3:
        return f"the task observes a Box of shape {space.shape}, not the planes of a game"
    if isinstance(space, spaces.Discrete) and space.start != 0:
        return f"the task numbers its actions from {space.start}, and a game does from 0"
    return None


def _unlearnable(what: str, space: Space) -> str | None:
    """Why no network can have this space as its input or output, whatever the algorithm."""
    if isinstance(space, spaces.Dict):
        if not space.spaces:
            return f"the task's {what} space is an empty Dict"
        for key, part in space.spaces.items():
            if "." in key or isinstance(part, (spaces.Dict, spaces.Tuple)):
                return f"the task's {what} space has the part '{key}': no dot in a name, no Dict in a Dict"
            if reason := _unlearnable(what, part):
                return f"in the part '{key}' {reason}"
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)) and len(space.shape) > 1:
        return f"the task's {what} space is a {type(space).__name__} of shape {space.shape}, not one row"
    if not isinstance(space, spaces.Box):
        return None
    reason = None
    if space.shape == () or 0 in space.shape:
        reason = f"is a Box of shape {space.shape}, which has no entries in a row"
    elif what == "action":
        reason = _unlearnable_numbers(space)
    return reason and f"the task's {what} space {reason}"


def _unlearnable_numbers(space: spaces.Box) -> str | None:
    """Why these numbers cannot be actions."""
    reasons = {
        f"is a Box of shape {space.shape}: actions are one row of numbers": len(space.shape) > 1,
        f"is a Box of {space.dtype}: use MultiDiscrete for whole numbers": space.dtype.kind != "f",
        "has no finite bounds": not (np.isfinite(space.low).all() and np.isfinite(space.high).all()),
        "has a number that cannot vary, its bounds are equal": bool((space.low >= space.high).any()),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
