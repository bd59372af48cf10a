"""Plays a batch of episodes of a model: demand paths, the clock, the metrics, the full state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox_inventory.core.compiled import kernels
from sandbox_inventory.core.demand import draw, inverse
from sandbox_inventory.core.metrics import Tally
from sandbox_inventory.core.model import Array, Flow, Model, State

BLOCK = 256
"""Periods of demand that are drawn at once; a path does not depend on the number of copies."""


class Simulation:
    """Episodes in lockstep: all copies begin and end together.

    Args:
        model: The dynamics.
        copies: How many.

    Attributes:
        state: The model's state.
        time: Periods played in this episode.
    """

    def __init__(self, model: Model, copies: int) -> None:
        self.model, self.copies = model, copies
        self.state: State = {}
        self.time = 0
        self.width = len(model.demands)
        self._groups = _groups(model)
        # One family whose uniform numbers are turned into demand for all copies at once.
        self._paths: Array | None = getattr(model, "paths", None)
        self._tabled = self._paths is None and len(self._groups) == 1 and self._groups[0][0].tabled
        self._layout: tuple[str, ...] = getattr(model, "layout", ())
        self._context = sum(one.context_size for one in model.demands)
        self._rngs: list[np.random.Generator] = []
        # Uniform numbers of coming episodes, from ``_used`` on: many short episodes are one call a copy.
        # Not where there is one copy, whose generator is the environment's own and seen by all.
        self._ahead = np.zeros((copies, _ahead(model) if self._tabled and copies > 1 else 0))
        self._used = self._ahead.shape[1]
        self._tally = Tally(copies)
        self._block: Array = np.zeros((0, copies, self.width))
        self._seen: Array = np.zeros((0, copies, self._context))
        self._memory: list[list[Array | None]] = []

    @property
    def observation_size(self) -> int:
        """Numbers an observation holds: the model's, the demand's context, the period if it is finite."""
        return self.model.observation_size + self._context + int(self.model.finite)

    @property
    def ended(self) -> bool:
        """Whether the horizon is reached."""
        return bool(self.time >= self.model.config.horizon)

    def reset(self, rngs: Sequence[np.random.Generator]) -> None:
        """Begin an episode in every copy, each with its own generator."""
        if self._used < self._ahead.shape[1]:
            for copy, (rng, before) in enumerate(zip(rngs, self._rngs, strict=True)):
                if rng is not before:
                    rng.random(out=self._ahead[copy, self._used :])
        self._rngs = list(rngs)
        self.state = self.model.start(self.copies)
        self.time = 0
        self._tally.clear()
        # Such demand remembers nothing.
        self._memory = [] if self._tabled else [[None] * len(self._groups) for _ in range(self.copies)]
        self._draw()

    def observe(self) -> Array:
        """Shape ``(copies, observation_size)``, float32."""
        own = self.model.observation_size
        seen = np.empty((self.copies, self.observation_size), np.float32)
        # Divided first, in double precision: a learned policy is fed the same numbers elsewhere.
        if self._layout and (compiled := kernels(self.copies)):
            column = 0
            for name in self._layout:
                part = self.state[name].reshape(self.copies, -1)
                compiled.scale(part, float(self.model.scale), seen, column)
                column += part.shape[1]
        else:
            seen[:, :own] = self.model.observe(self.state) / self.model.scale
        if self._context:
            seen[:, own : own + self._context] = self._seen[min(self.time % BLOCK, len(self._seen) - 1)]
        if self.model.finite:
            seen[:, -1] = self.time / self.model.config.horizon
        return seen

    def step(self, action: Array) -> Flow:
        """One period.

        Raises:
            RuntimeError: If the episode has ended or has not begun.
        """
        if self.ended or not self.state:
            raise RuntimeError("the episode has ended or has not begun: call reset() first")
        demand = self._block[self.time % BLOCK]
        self.state, flow = self.model.step(self.state, action, demand)
        if self.time >= self.model.config.warmup:
            self._tally.add(flow)
        self.time += 1
        if self.time % BLOCK == 0 and not self.ended:
            self._draw()
        return flow

    def metrics(self) -> dict[str, Array]:
        """Each of shape ``(copies,)``; see `sandbox_inventory.core.metrics`."""
        return self._tally.metrics()

    def _draw(self) -> None:
        periods = min(BLOCK, self.model.config.horizon - self.time)
        if self._paths is not None:
            self._cut(self._paths, periods)
            return
        if self._ahead.size:
            self._take(periods)
            return
        # Filled copy by copy, then turned once: a period's demand must lie together for speed.
        block = np.empty((self.copies, periods, self.width))
        self._seen = np.empty((periods, self.copies, self._context))
        for copy, rng in enumerate(self._rngs):
            if self._tabled:
                rng.random(out=block[copy])
            else:
                self._draw_copy(copy, rng, block[copy])
        if self._tabled:
            block = inverse(self._groups[0][0], block)
        self._block = np.ascontiguousarray(block.swapaxes(0, 1))

    def _take(self, periods: int) -> None:
        """Demand from the numbers that were drawn ahead."""
        if self._used == self._ahead.shape[1]:
            for copy, rng in enumerate(self._rngs):
                rng.random(out=self._ahead[copy])
            self._used = 0
        begun, self._used = self._used, self._used + periods * self.width
        uniform = self._ahead[:, begun : self._used].reshape(self.copies, periods, self.width)
        demand = inverse(self._groups[0][0], np.ascontiguousarray(uniform))
        self._block = np.ascontiguousarray(demand.swapaxes(0, 1))
        self._seen = np.empty((periods, self.copies, 0))

    def _draw_copy(self, copy: int, rng: np.random.Generator, block: Array) -> None:
        shown = 0
        for group, (family, columns) in enumerate(self._groups):
            memory = self._memory[copy][group]
            values, seen, self._memory[copy][group] = draw(family, rng, len(block), len(columns), memory)
            block[:, columns] = values
            if seen is not None:
                self._seen[:, copy, shown : shown + seen.shape[1]] = seen
                shown += seen.shape[1]

    def _cut(self, paths: Array, periods: int) -> None:
        """Demand from given traces, all items from the same random place on."""
        room = len(paths) - self.model.config.horizon + 1
        self._seen = np.empty((periods, self.copies, 0))
        self._block = np.empty((periods, self.copies, self.width))
        for copy, rng in enumerate(self._rngs):
            begin = self._memory[copy][0]
            if begin is None:
                begin = self._memory[copy][0] = np.array([rng.integers(room)])
            at = int(begin[0]) + self.time
            self._block[:, copy] = paths[at : at + periods]

    def get_state(self) -> dict[str, Any]:
        """Everything that the future depends on, as nested dicts of plain arrays and numbers."""
        return {
            "time": self.time,
            "state": {name: values.copy() for name, values in self.state.items()},
            "block": self._block.copy(),
            "seen": self._seen.copy(),
            "memory": [
                {str(i): part.copy() for i, part in enumerate(parts) if part is not None}
                for parts in self._memory
            ],
            "tally": self._tally.get_state(),
            "ahead": self._ahead[:, self._used :].copy(),
            "rngs": [rng.bit_generator.state for rng in self._rngs],
        }

    def set_state(self, saved: dict[str, Any]) -> None:
        """Go on from what `get_state` gave; the generators are set in place where there are any."""
        self.time = int(saved["time"])
        self.state = {name: np.array(values) for name, values in saved["state"].items()}
        self._block, self._seen = np.array(saved["block"]), np.array(saved["seen"])
        self._memory = [
            [np.array(parts[str(i)]) if str(i) in parts else None for i in range(len(self._groups))]
            for parts in saved["memory"]
        ]
        self._tally.set_state(saved["tally"])
        ahead = np.array(saved["ahead"])
        self._used = self._ahead.shape[1] - ahead.shape[1]
        self._ahead[:, self._used :] = ahead
        if len(self._rngs) != len(saved["rngs"]):
            self._rngs = [np.random.default_rng(0) for _ in saved["rngs"]]
        for rng, state in zip(self._rngs, saved["rngs"], strict=True):
            rng.bit_generator.state = state

    @property
    def rngs(self) -> list[np.random.Generator]:
        """The copies' generators."""
        return self._rngs


def _ahead(model: Model) -> int:
    """Uniform numbers that are drawn at once for a copy: those of as many whole episodes as fit a block."""
    horizon = int(model.config.horizon)
    return horizon * (BLOCK // horizon) * len(model.demands) if horizon < BLOCK else 0


def _groups(model: Model) -> list[tuple[Any, list[int]]]:
    """Items of the same family are drawn together, as one array."""
    groups: list[tuple[Any, list[int]]] = []
    for item, family in enumerate(model.demands):
        for known, columns in groups:
            if known == family:
                columns.append(item)
                break
        else:
            groups.append((family, [item]))
    return groups
