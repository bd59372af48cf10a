"""Whether a saved policy can play a scenario: its spaces have the sizes of those that it was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym

from sandbox.api.errors import MisfitError
from sandbox.api.spaces import describe, space_from_json
from sandbox.api.types import Space
from sandbox.scenarios.resolve import ResolvedScenario


def require_same_spaces(
    folder: Path,
    name: str,
    scenario: ResolvedScenario,
    action_space: Space,
    observation_space: Space | None = None,
) -> None:
    """Refuse a policy for actions or observations of other sizes; bounds may differ.

    Args:
        folder: Where the policy is saved.
        name: Of the agent.
        scenario: What is to be played.
        action_space: Space of one row's action.
        observation_space: Space of one row's observation; not compared if absent.

    Raises:
        MisfitError: With what differs.
    """
    document = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
    for part, space in (("action", action_space), ("observation", observation_space)):
        described = document.get(f"{part}_space")
        if not isinstance(space, gym.Space) or not isinstance(described, dict):
            continue
        trained = space_from_json(described)
        if _sizes(trained) != _sizes(space):
            raise MisfitError(
                f"{name} was trained on other {part}s than those of {scenario.spec.id}: "
                f"{_difference(trained, space)}.",
                "Name a run of this scenario, or use --set to make its spaces those of the run's scenario.",
            )


def _sizes(space: Space) -> Any:
    """What a network's layers depend on: kind and sizes, without bounds and element types."""
    if isinstance(space, gym.spaces.Dict):
        return {key: _sizes(part) for key, part in space.spaces.items()}
    if isinstance(space, gym.spaces.Tuple):
        return tuple(_sizes(part) for part in space.spaces)
    if isinstance(space, gym.spaces.Discrete):
        return ("Discrete", int(space.n))
    if isinstance(space, gym.spaces.MultiDiscrete):
        return ("MultiDiscrete", space.nvec.tolist())
    return (type(space).__name__, space.shape)


def _difference(trained: Space, space: Space) -> str:
    """The first part that differs, in words."""
    if isinstance(trained, gym.spaces.Dict) and isinstance(space, gym.spaces.Dict):
        for key in [*trained.spaces, *space.spaces]:
            before, now = trained.spaces.get(key), space.spaces.get(key)
            if before is None or now is None:
                return f"'{key}' is there only {'now' if before is None else 'in training'}"
            if _sizes(before) != _sizes(now):
                return f"'{key}': {_difference(before, now)}"
    return f"{describe(trained)} in training, {describe(space)} here"
