"""One row of a core as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api.batch.actions import ActionReader
from sandbox.api.batch.core import keeps_precision, metadata
from sandbox.api.batch.futures import CoreOfOne, OuterEvents
from sandbox.api.batch.rows import Rows, row_of
from sandbox.api.batch.state import Restore, keeper_of, upgraded
from sandbox.api.batch.types import Array, Config, Core, Info, Observation, Space
from sandbox.api.reward import RewardSpec
from sandbox.api.types import Element, Environment

_ROW = np.zeros(1, np.int64)


class BatchedEnv(CoreOfOne, Environment):
    """A core of one row.

    Attributes:
        core: The core; what baselines and pictures read.
        config: The task's parameters.
        reward: The task's reward.
    """

    def __init__(
        self,
        core: Core,
        config: Config,
        reward: RewardSpec,
        render_mode: str | None = None,
        restore: Restore = "state",
    ) -> None:
        self.core = core
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.metadata = metadata(self.core)
        self.observation_space, self.action_space = self.core.observation_space, self.core.action_space
        self._rows = Rows(self.core, 1, reward)
        self._events = OuterEvents(core)
        self._restore, self._keeper = restore, keeper_of(self._rows, restore)
        self._read = ActionReader(self.action_space, (1,), keeps_precision(core))
        self._running = False

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Begin an episode; all that is random in it is drawn from ``np_random``."""
        super().reset(seed=seed)
        self.core.rngs[0] = self.np_random
        self._keeper.began(_ROW)
        self._rows.begin(_ROW)
        self._running = True
        return row_of(self.core.observe(), 0), _first_row(self._rows.present())

    def step(self, action: Element) -> tuple[Observation, float, bool, bool, Info]:
        """One step.

        Raises:
            gymnasium.error.ResetNeeded: Before the first and after the last step of an episode.
            InvalidValueError: For an action that is none.
        """
        if not self._running:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        actions = self._read(np.asarray(action)[None])
        self._keeper.stepped(actions)
        reward, terms = self._rows.step_one(actions)
        ended, cut = self._rows.ends()
        terminated, truncated = bool(ended[0]), bool(cut[0])
        observation = row_of(self.core.observe(), 0)
        info = _first_row(self._rows.present())
        info["reward_terms"] = terms
        self._events.add_to(info, terminated or truncated)
        if terminated or truncated:
            self._running = False
            info["metrics"] = {name: float(values[0]) for name, values in self._rows.metrics(_ROW).items()}
        return observation, reward, terminated, truncated, info

    def render(self) -> Any:
        """What the core draws of its row; None without a render mode."""
        return None if self.render_mode is None else self.core.render(0)

    @property
    def state_space(self) -> Space:
        """Space of `state`; an environment has one if its core has."""
        space: Space = self.core.state_space
        return space

    def state(self) -> Array:
        """The whole state, where observations show only a part of it."""
        state: Array = row_of(self.core.state(), 0)
        return state

    def get_state(self) -> Info:
        """All that the future depends on, as plain data."""
        return {
            "core": self._keeper.get(),
            "generator": self.np_random.bit_generator.state,
            "running": self._running,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, bit by bit."""
        state = upgraded(self.core, state)
        self.core.rngs[0] = self.np_random
        self._keeper.set(state["core"])
        self.np_random.bit_generator.state = state["generator"]
        self._running = bool(state["running"])

    def close(self) -> None:
        """Free what the core holds."""
        if hasattr(self.core, "close"):
            self.core.close()


def _first_row(info: Mapping[str, Array]) -> Info:
    """Infos of the only row: plain numbers where they have no axis of their own."""
    return {
        name: values[0].item() if values.ndim == 1 and not values.dtype.hasobject else values[0]
        for name, values in info.items()
        if not name.startswith("_") and info[f"_{name}"][0]
    }
