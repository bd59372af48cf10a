"""Adapters from a model to Gymnasium: a single environment, and a batch as one array operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Flow, Model
from sandbox_inventory.core.simulation import Simulation

Info = dict[str, Any]


class InventoryEnv(gym.Env[Array, Any]):
    """A single environment of a model.

    - **Observation**: float32, shape ``(observation_size,)``, unbounded. The model's observation in
      multiples of the mean demand, then the demand's context where it has one, then the share of the horizon
      that has passed where the horizon is part of the problem.
    - **Action**: the model's orders.
    - **Reward**: the weighted sum of the task's terms.
    - **Episode end**: at the horizon; terminated if the horizon is part of the problem, else truncated.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012

    def __init__(self, model: Model, reward: RewardSpec, render_mode: str | None = None) -> None:
        check_render_mode(render_mode)
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
        """Order, and play one period."""
        flow = self.last_flow = self.sim.step(np.asarray(action)[None])
        breakdown = self.reward_spec(flow)
        info: Info = {"reward_terms": {name: float(values[0]) for name, values in breakdown.terms.items()}}
        info |= self.sim.outer_events(flow)
        ended, finite = self.sim.ended, self.model.finite
        if ended:
            info["metrics"] = {name: float(values[0]) for name, values in self.sim.metrics().items()}
        if self.render_mode is not None:
            self._history.append(flow)
        observation = self.sim.observe()[0]
        return observation, float(breakdown.total[0]), ended and finite, ended and not finite, info

    def render(self) -> Any:
        """The last periods as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_inventory.core.render import frame

        return frame(self._history) if self.render_mode == "rgb_array" else None

    def get_state(self) -> dict[str, Any]:
        """Everything that the future depends on, including the generator."""
        return {"generator": self.np_random.bit_generator.state, "simulation": self.sim.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue bit for bit from a state that `get_state` returned."""
        if not self.sim.rngs:
            self.sim.reset([self.np_random])
        self.sim.set_state(state["simulation"])
        self.np_random.bit_generator.state = state["generator"]

    @property
    def can_redraw(self) -> bool:
        """Whether coming demand depends on nothing but chance."""
        return self.sim.demand_paths.redraws

    def redraw(self, seed: int) -> None:
        """Draw all coming demand again."""
        self.np_random = np.random.default_rng(seed)
        self.sim.demand_paths.redraw(self.sim.time, [self.np_random])

    def action_text(self, action: Any, row: int = 0) -> str:
        """An action as quantities."""
        quantities = np.ravel(self.model.orders.quantities(np.asarray(action)[None]))
        return "order " + ", ".join(f"{quantity:.4g}" for quantity in quantities.tolist())


class NativeBatch(gym.vector.VectorEnv[Array, Array, Array]):
    """What native vector environments share: seeds, resets and state.

    All environments start together and have the same horizon, so all end together.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium's convention
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, model: Model, reward: RewardSpec, num_envs: int) -> None:
        self.model, self.reward_spec, self.num_envs = model, reward, num_envs
        self.sim = Simulation(model, num_envs)
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]
        self._all = np.ones(num_envs, np.bool_)
        self._none = ~self._all

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Info | None = None
    ) -> tuple[Array, Info]:
        """Begin an episode in every environment; an int seeds environment i with ``seed + i``."""
        if isinstance(seed, int):
            seed = [seed + env for env in range(self.num_envs)]
        for env, env_seed in enumerate(seed or ()):
            if env_seed is not None:
                self.rngs[env] = seeding.np_random(env_seed)[0]
        self.sim.reset(self.rngs)
        return self._observations(), self._reset_info()

    def get_state(self) -> dict[str, Any]:
        """Everything that the future depends on, including the generators."""
        return {"simulation": self.sim.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue bit for bit from a state that `get_state` returned."""
        if not self.sim.rngs:
            self.sim.reset(self.rngs)
        self.sim.set_state(state["simulation"])

    def _observations(self) -> Array:
        """Current observations."""
        raise NotImplementedError

    def _reset_info(self) -> Info:
        """Info of a reset."""
        return {}

    def _begin_next(self, info: Info, final_info: Info) -> tuple[Array, tuple[Array, Array], Info]:
        """Begin the next episodes.

        Returns:
            Their first observations, ``(terminated, truncated)`` of the last episodes, and the info with
            the final observations and ``final_info``.
        """
        final_obs = np.empty(self.num_envs, object)
        final_obs[:] = list(self._observations())
        final = {
            "final_obs": final_obs,
            "_final_obs": self._all,
            "final_info": final_info,
            "_final_info": self._all,
        }
        self.sim.reset(self.rngs)
        flags = (self._all, self._none) if self.model.finite else (self._none, self._all)
        return self._observations(), flags, info | final


class InventoryVectorEnv(NativeBatch):
    """A native batch; environment i with seed s plays the same episode as `InventoryEnv` with seed s."""

    def __init__(self, model: Model, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(model, reward, num_envs)
        self.single_observation_space = observation_space(self.sim)
        self.single_action_space = model.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, Info]:
        """Play one period; at the horizon the next episodes begin; the info has the final observations."""
        flow = self.sim.step(actions)
        breakdown = self.reward_spec(flow)
        info: Info = {
            "reward_terms": _with_presence(breakdown.terms, self._all),
            "_reward_terms": self._all,
        }
        if not self.sim.ended:
            return self.sim.observe(), breakdown.total, self._none, self._none, info
        metrics = _with_presence(self.sim.metrics(), self._all)
        observation, flags, info = self._begin_next({}, info | {"metrics": metrics, "_metrics": self._all})
        return observation, breakdown.total, *flags, info

    def branch(self, state: dict[str, Any], seeds: Sequence[int]) -> tuple[Array, Info]:
        """Go on in every environment from the state of a single one, its coming demand drawn again.

        Args:
            state: What `InventoryEnv.get_state` returned.
            seeds: Environment i plays on as the single environment does after ``redraw(seeds[i])``.
        """
        self.rngs = [np.random.default_rng(seed) for seed in seeds]
        self.sim.branch(state["simulation"], self.rngs)
        return self.sim.observe(), {}

    def _observations(self) -> Array:
        return self.sim.observe()


MakeEnv = Callable[..., InventoryEnv]
"""``(config, reward, render_mode=None) -> InventoryEnv``."""

MakeVectorEnv = Callable[[Any, RewardSpec, int], InventoryVectorEnv]
"""``(config, reward, num_envs) -> InventoryVectorEnv``."""


def env_makers(model: Callable[[Any], Model]) -> tuple[MakeEnv, MakeVectorEnv]:
    """The ``make`` and ``make_vec`` of a task, from its model's class."""

    def make(config: Any, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
        return InventoryEnv(model(config), reward, render_mode)

    def make_vec(config: Any, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
        return InventoryVectorEnv(model(config), reward, num_envs)

    return make, make_vec


def observation_space(sim: Simulation) -> gym.spaces.Box:
    """Unbounded, because stock has no largest value."""
    return gym.spaces.Box(-np.inf, np.inf, (sim.observation_size,), np.float32)


def check_render_mode(render_mode: str | None) -> None:
    """Refuse a render mode that inventory tasks do not have.

    Raises:
        InvalidValueError: For anything but None and ``rgb_array``.
    """
    if render_mode not in (None, "rgb_array"):
        raise InvalidValueError(f"Inventory tasks cannot render as '{render_mode}'.", "Use rgb_array.")


def _with_presence(values: dict[str, Any], present: Array) -> dict[str, Any]:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean array ``_key``."""
    return values | {f"_{name}": present for name in values}
