"""What the numbers of a scenario's observations are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api.observation_field import ObservationField
from sandbox.api.types import Space
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario

Fields = tuple[ObservationField, ...]

ONLY = "agent"
"""Stands for the agent where there is one."""


def observation_fields(scenario: ResolvedScenario, env: Any) -> dict[str, Fields]:
    """The fields of every agent's observation as the task or the chosen observation declares them.

    Args:
        scenario: What is played.
        env: An environment of it, wrapped or not, or a `pettingzoo.ParallelEnv`.

    Returns:
        By agent, `ONLY` where there is one; empty where nothing is declared.
    """
    chosen = scenario.observation
    describe = resolve(scenario.task.observation_fields if chosen is None else chosen.fields)
    if describe is None:
        return {}
    declared = describe(env.unwrapped)
    if isinstance(declared, Mapping):
        return {str(agent): tuple(fields) for agent, fields in declared.items()}
    agents: Sequence[str] = env.possible_agents if scenario.task.agents == "parallel" else (ONLY,)
    return dict.fromkeys(agents, tuple(declared))


def misfit(fields: Fields, space: Space) -> str:
    """What is wrong with the fields of a space, in a sentence without a full stop; empty if nothing is."""
    incomplete = [field for field in fields if not (field.name and field.unit and field.meaning)]
    if incomplete:
        return f"the field '{incomplete[0].name}' needs a name, a unit ('1' for a pure number) and a meaning"
    named = [(field.part, field.name) for field in fields]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        return f"two fields are called '{twice[0][1]}'"
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    unknown = sorted({field.part for field in fields} - set(parts))
    if unknown:
        return f"'{unknown[0]}' is no part of the observation; its parts are {', '.join(parts)}"
    for key, part in parts.items():
        described, size = sum(field.size for field in fields if field.part == key), numbers_in(part)
        if described != size:
            where = f"the part '{key}'" if key else "the observation"
            return f"the fields describe {described} numbers, {where} has {size}"
    return ""


def in_order(fields: Fields, space: Space) -> Fields:
    """The fields in the order in which a Dict observation is flattened; else as they are."""
    if not isinstance(space, spaces.Dict):
        return fields
    return tuple(field for key in space.spaces for field in fields if field.part == key)


def numbers_in(space: Space) -> int:
    """How many numbers an element of a space has."""
    if isinstance(space, spaces.Discrete):
        return 1
    if isinstance(space, spaces.Dict):
        return sum(numbers_in(part) for part in space.spaces.values())
    if isinstance(space, spaces.Tuple):
        return sum(numbers_in(part) for part in space.spaces)
    return int(np.prod(space.shape or ()))
