"""A model as the core of environments with one decision maker: `sandbox.api.batched` makes both from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import Batched, batched
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Flow, Model
from sandbox_inventory.core.simulation import Simulation

Info = dict[str, Any]


class InventoryCore:
    """Episodes of a model in lockstep; `sandbox.api.BatchedCore`.

    - **Observation**: float32, shape ``(observation_size,)``, unbounded. The model's observation in
      multiples of the mean demand, then the demand's context where it has one, then the share of the horizon
      that has passed where the horizon is part of the problem.
    - **Action**: the model's orders.
    - **Episode end**: at the horizon; terminated if the horizon is part of the problem, else truncated.

    Args:
        model: The system.
        num_envs: Episodes side by side; all have the same horizon, so all begin and end together.

    Attributes:
        model: The argument.
        sim: Plays the episodes; what rules read.
        last_flow: What moved in the last period; None before the first.
    """

    def __init__(self, model: Model, num_envs: int) -> None:
        self.model, self.sim = model, Simulation(model, num_envs)
        # Unbounded, because stock has no largest value.
        size = self.sim.observation_size
        self.observation_space: Any = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space: Any = model.action_space
        self.rngs: list[np.random.Generator] = []
        self.render_mode: str | None = None
        self.last_flow: Flow | None = None
        self._history: list[Flow] = []

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Begin an episode; its demand is drawn from ``rng``."""
        self.begin_rows(np.array([row]), [rng])

    def begin_rows(self, rows: Array, rngs: Sequence[np.random.Generator]) -> None:
        """Begin an episode in every row.

        Raises:
            RuntimeError: For some of the rows only.
        """
        if len(rows) != self.sim.num_envs:
            raise RuntimeError("Episodes of an inventory batch begin together: reset all of them.")
        self.sim.reset(rngs)
        self._history = []

    def step(self, actions: Array) -> Flow:
        """Order, and play one period."""
        flow = self.last_flow = self.sim.step(actions)
        if self.render_mode is not None:
            self._history.append(flow)
        return flow

    def observe(self) -> Array:
        """Shape ``(num_envs, observation_size)``."""
        return self.sim.observe()

    def ends(self) -> tuple[bool, bool]:
        """The horizon, for all rows."""
        ended, finite = self.sim.ended, self.model.finite
        return ended and finite, ended and not finite

    def metrics(self, row: int) -> Mapping[str, float]:
        """Metrics of the episode so far."""
        return {name: float(values[row]) for name, values in self.sim.metrics().items()}

    def metrics_rows(self, rows: Array) -> Mapping[str, Array]:
        """The same of some rows at once."""
        return {name: values[rows] for name, values in self.sim.metrics().items()}

    def exogenous(self) -> Mapping[str, Array]:
        """Demand of the last period, which no order can change."""
        return {} if self.last_flow is None else {"demand": self.last_flow.demand}

    def denominators(self, row: int) -> Mapping[str, float]:
        """What means are over: counted periods, all demand."""
        return {name: float(values[row]) for name, values in self.sim.denominators().items()}

    def render(self, row: int) -> Any:
        """The last periods as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_inventory.core.render import frame

        return frame(self._history)

    def get_state(self) -> Info:
        """Everything that the future depends on, as nested dicts of arrays and numbers."""
        return self.sim.get_state()

    def set_state(self, state: Info) -> None:
        """Continue bit for bit from a state that `get_state` returned."""
        if not self.sim.rngs:
            self.sim.reset(self.rngs)
        self.sim.set_state(state)

    def upgrade_state(self, state: Info) -> Info:
        """States that were saved before these environments were made from a core."""
        if "simulation" not in state:
            return state
        simulation = state["simulation"]
        rngs = simulation["rngs"]
        running = bool(state.get("agents", True))
        shape = (self.sim.num_envs, len(getattr(self, "agents", ())))
        upgraded = {"core": simulation, "generators": rngs, "generator": rngs[0]}
        return {**upgraded, "running": running, "active": np.full(shape, running)}

    @property
    def can_redraw(self) -> bool:
        """Whether coming demand depends on nothing but chance."""
        return self.sim.demand_paths.redraws

    def redraw(self, row: int, rng: np.random.Generator) -> None:
        """Draw all coming demand again."""
        self.sim.demand_paths.redraw(self.sim.time, [rng])

    def branch(self, state: Info, rngs: Sequence[np.random.Generator]) -> None:
        """Go on in every row from the state of a core of one, its coming demand drawn again."""
        self.sim.branch(state, rngs)

    def action_text(self, action: Any, row: int = 0) -> str:
        """An action as quantities."""
        quantities = np.ravel(self.model.orders.quantities(np.asarray(action)[None]))
        return "order " + ", ".join(f"{quantity:.4g}" for quantity in quantities.tolist())


@dataclass(frozen=True)
class MakeCore:
    """``(config, num_envs) -> InventoryCore``; a class, so that environments can be pickled."""

    model: Callable[[Any], Model]
    core: Callable[[Any, int], InventoryCore] = InventoryCore

    def __call__(self, config: Any, num_envs: int) -> InventoryCore:
        return self.core(self.model(config), num_envs)


def env_makers(model: Callable[[Any], Model]) -> Batched:
    """The ``make`` and ``make_vec`` of a task, from its model's class."""
    return batched(MakeCore(model))
