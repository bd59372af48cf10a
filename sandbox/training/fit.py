"""Whether an algorithm can be trained on a task, decided from spaces and capabilities."""

from __future__ import annotations

from typing import Any, NamedTuple

from sandbox.api.algorithm import Algorithm
from sandbox.api.errors import MisfitError
from sandbox.api.types import Space
from sandbox.envs.single import EnvFactory
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


def fitting(scenario: ResolvedScenario, observation_space: Space, action_space: Space) -> list[str]:
    """Names of the algorithms that can be trained on a task with nothing else given, installed or not."""
    return [
        algorithm.name
        for algorithm in registry().algorithms.working()
        if not _misfits(scenario, algorithm, observation_space, action_space)
        and not algorithm.capabilities.needs & {"dataset", "expert"}
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
        raise MisfitError(f"{algorithm.name} does not fit {scenario.spec.id}: {' and '.join(misfits)}.", hint)


def _misfits(
    scenario: ResolvedScenario, algorithm: Algorithm, observation_space: Space, action_space: Space
) -> list[str]:
    can = algorithm.capabilities
    misfits = []
    for what, space, known in (
        ("action", action_space, can.action_spaces),
        ("observation", observation_space, can.observation_spaces),
    ):
        kind = type(space).__name__
        if kind not in known:
            misfits.append(f"the task has {what} space {kind}, it takes {', '.join(sorted(known))}")
    if scenario.task.agents not in can.agents:
        misfits.append(f"the task has {scenario.task.agents} agents, which it does not support")
    return misfits + missing_models(scenario, algorithm)
