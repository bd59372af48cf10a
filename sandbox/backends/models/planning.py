"""Planning of continuous actions with the task's own simulator. Nothing is learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from pydantic import ValidationError

from sandbox.api import TrainContext
from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.simulator import Simulator
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array, Space
from sandbox.backends.models.config import PlanningConfig
from sandbox.backends.models.lookahead import LookAhead, bound_look_ahead
from sandbox.backends.models.trajectories import Floats, TrajectorySearch
from sandbox.backends.policy_files import read_policy, write_policy

NAME = "planning"


class PlanningPolicy:
    """Searches for the best sequence of actions before every step and takes its first; see `Policy`.

    Args:
        action_space: Of one row; a bounded Box.
        config: How it searches.

    Raises:
        MisfitError: If actions have no bounds.
    """

    memoryless = False

    def __init__(self, action_space: Box, config: PlanningConfig) -> None:
        self.action_space, self.config = action_space, config
        self._search = TrajectorySearch(action_space, config, NAME)
        self._look_ahead: LookAhead | None = None
        self._rng = np.random.default_rng(0)

    def bind(self, env: Any, models: TaskModels) -> None:
        """Plan in copies of this environment from now on."""
        self._look_ahead = LookAhead(env, models)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget the plans; the planner's chance is its own."""
        self._rng = np.random.default_rng(seed)
        self._search.reset(num_envs, self._rng)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """First actions of new plans."""
        look_ahead, config = bound_look_ahead(self._look_ahead, NAME), self.config

        def evaluate(sequences: Floats) -> Floats:
            rows, options, horizon, _ = sequences.shape
            spread = np.repeat(sequences.reshape(rows * options, horizon, -1), config.scenarios, axis=0)

            def act(step: int, copies: Simulator) -> Array:
                actions = spread[:, step].reshape(len(spread), *self.action_space.shape)
                return actions.astype(self.action_space.dtype)

            returns = look_ahead.returns(
                rows, options, config.scenarios, act, horizon, config.gamma, self._rng
            )
            mean: Floats = returns.mean(axis=2)
            return mean

        return self._search.plan(evaluate)

    def save(self, directory: Path) -> None:
        """Write the settings; there are no weights."""
        write_policy(directory, settings_document(NAME, self.action_space, self.config), {})


def train(context: TrainContext) -> PlanningPolicy:
    """The planner with its settings; nothing is learned and no environment is stepped."""
    policy = PlanningPolicy(_box(context.action_space), context.config)
    require_no_start(context, NAME)
    return policy


def load(directory: Path) -> PlanningPolicy:
    """Read what `PlanningPolicy.save` wrote."""
    document, space = read_settings(directory)
    try:
        return PlanningPolicy(_box(space), PlanningConfig.model_validate(document["config"]))
    except (KeyError, ValidationError, MisfitError) as error:
        raise DamagedRunError(f"The policy in {directory} is no planner: {error}.") from error


def settings_document(name: str, action_space: Space, config: Any) -> dict[str, Any]:
    """Content of ``policy.json`` of a policy that has settings alone."""
    return {
        "algorithm": name,
        "action_space": space_to_json(action_space),
        "config": config.model_dump(mode="json"),
    }


def read_settings(directory: Path) -> tuple[Mapping[str, Any], Space]:
    """The document and the action space of such a policy.

    Raises:
        DamagedRunError: If they do not hold together.
    """
    document = read_policy(directory).document
    try:
        return document, space_from_json(document["action_space"])
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedRunError(f"The policy in {directory} is no planner: {error}.") from error


def require_no_start(context: TrainContext, name: str) -> None:
    """Refuse a policy to start from.

    Raises:
        MisfitError: If there is one.
    """
    if context.initial is not None:
        raise MisfitError(f"{name} starts from no policy: it learns nothing.", "Leave --init-from out.")


def _box(space: Space) -> Box:
    if not isinstance(space, Box):
        raise MisfitError(f"{NAME} searches among continuous actions, not {space}.")
    return space
