"""Thin adapters from a model to Gymnasium: one copy, and many as one array operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.model import Array, Flow, Model
from sandbox_inventory.core.simulation import Simulation

Info = dict[str, Any]


def observation_space(sim: Simulation) -> gym.spaces.Box:
    """Numbers in the model's units, unbounded: stock has no largest value."""
    return gym.spaces.Box(-np.inf, np.inf, (sim.observation_size,), np.float32)


class InventoryEnv(gym.Env[Array, Any]):
    """One copy of a model.

    - **Observation**: what the task's model says, then the demand's context where it has one, then
      the share of the horizon that has passed where the horizon is part of the problem.
    - **Action**: the model's orders.
    - **Reward**: the weighted sum of the task's terms.
    - **End**: at the horizon; truncated where the process has no end of its own, else terminated.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012

    def __init__(self, model: Model, reward: RewardSpec, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InvalidValueError(f"Inventory tasks cannot render as '{render_mode}'.", "Use rgb_array.")
        self.model, self.reward_spec, self.render_mode = model, reward, render_mode
        self.sim = Simulation(model, 1)
        self.observation_space = observation_space(self.sim)
        self.action_space = model.action_space
        self._history: list[Flow] = []
        self.last_flow: Flow | None = None

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Array, Info]:
        """Begin an episode; its demand is drawn from ``np_random``."""
        super().reset(seed=seed)
        self.sim.reset([self.np_random])
        self._history = []
        return self.sim.observe()[0], {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, Info]:
        """Order, and let one period pass."""
        flow = self.last_flow = self.sim.step(np.asarray(action)[None])
        breakdown = self.reward_spec(flow)
        info: Info = {"reward_terms": {name: float(values[0]) for name, values in breakdown.terms.items()}}
        ended = self.sim.ended
        if ended:
            info["metrics"] = {name: float(values[0]) for name, values in self.sim.metrics().items()}
        if self.render_mode is not None:
            self._history.append(flow)
        over = ended and self.model.finite
        return self.sim.observe()[0], float(breakdown.total[0]), over, ended and not over, info

    def render(self) -> Any:
        """The last periods as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_inventory.core.render import frame

        return frame(self._history) if self.render_mode == "rgb_array" else None

    def get_state(self) -> dict[str, Any]:
        """All that the future depends on, the generator included."""
        return {"generator": self.np_random.bit_generator.state, "simulation": self.sim.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        if not self.sim.rngs:
            self.sim.reset([self.np_random])
        self.sim.set_state(state["simulation"])
        self.np_random.bit_generator.state = state["generator"]


class Batch(gym.vector.VectorEnv[Array, Array, Array]):
    """What native batches have in common: their seeds, their resets and their state.

    All copies start together and have the same horizon, so all end together.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium's convention
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, model: Model, reward: RewardSpec, num_envs: int) -> None:
        self.model, self.reward_spec, self.num_envs = model, reward, num_envs
        self.sim = Simulation(model, num_envs)
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]
        self._everyone = np.ones(num_envs, np.bool_)
        self._noone = ~self._everyone

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Info | None = None
    ) -> tuple[Array, Info]:
        """Start all copies anew; an int seeds copy i with ``seed + i``."""
        if isinstance(seed, int):
            seed = [seed + copy for copy in range(self.num_envs)]
        for copy, one in enumerate(seed or ()):
            if one is not None:
                self.rngs[copy] = seeding.np_random(one)[0]
        self.sim.reset(self.rngs)
        return self._seen(), self._told()

    def get_state(self) -> dict[str, Any]:
        """All that the future depends on, the generators included."""
        return {"simulation": self.sim.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        if not self.sim.rngs:
            self.sim.reset(self.rngs)
        self.sim.set_state(state["simulation"])

    def _seen(self) -> Array:
        """The observations of now."""
        raise NotImplementedError

    def _told(self) -> Info:
        """What is told at a reset."""
        return {}

    def _end(self, info: Info, last: Info) -> tuple[Array, tuple[Array, Array], Info]:
        """Begin the next episodes: their observations, how the last ones ended, and all that is told."""
        final = np.empty(self.num_envs, object)
        final[:] = list(self._seen())
        everyone = self._everyone
        ends = {"final_obs": final, "_final_obs": everyone, "final_info": last, "_final_info": everyone}
        self.sim.reset(self.rngs)
        over = (everyone, self._noone) if self.model.finite else (self._noone, everyone)
        return self._seen(), over, info | ends


class InventoryVectorEnv(Batch):
    """Many copies of a model as array operations; copy i with seed s plays `InventoryEnv` seeded with s."""

    def __init__(self, model: Model, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(model, reward, num_envs)
        self.single_observation_space = observation_space(self.sim)
        self.single_action_space = model.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """One period of all copies; at the horizon they begin anew, the last observation in the info."""
        flow = self.sim.step(actions)
        breakdown = self.reward_spec(flow)
        everyone = self._everyone
        info: Info = {"reward_terms": _with_presence(breakdown.terms, everyone), "_reward_terms": everyone}
        if not self.sim.ended:
            return self.sim.observe(), breakdown.total, self._noone, self._noone, info
        metrics = _with_presence(self.sim.metrics(), everyone)
        seen, over, info = self._end({}, info | {"metrics": metrics, "_metrics": everyone})
        return seen, breakdown.total, *over, info

    def _seen(self) -> Array:
        return self.sim.observe()


def _with_presence(values: dict[str, Any], everyone: Array) -> dict[str, Any]:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean ``_key``."""
    return values | {f"_{name}": everyone for name in values}
