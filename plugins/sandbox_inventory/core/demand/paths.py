"""Demand of a batch of episodes, drawn ahead in blocks, and its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.demand.sampling import draw, quantiles

BLOCK = 256
"""Periods of demand that are drawn at once; a path does not depend on the number of environments."""


class DemandPaths:
    """Demand of every environment of a batch, period after period.

    Args:
        demands: Demand of each item.
        horizon: Periods of an episode.
        num_envs: Rows of the batch.
        traces: Demand of shape ``(periods, items)``; an episode then plays a window of it that begins at
            a random place, and ``demands`` only gives the number of items.

    Attributes:
        context_size: Numbers a period that an agent must observe for the demand to be Markov.
        redraws: Whether `redraw` can be called: what demand with a memory remembers in the middle of a
            block is not kept.
        rngs: Generator of each environment; empty before the first episode.
    """

    def __init__(
        self, demands: Sequence[Demand], horizon: int, num_envs: int, traces: Array | None = None
    ) -> None:
        self._items, self._horizon, self._num_envs, self._traces = len(demands), horizon, num_envs, traces
        self._groups = grouped(demands)
        # With one family, the uniform numbers of all environments are turned into demand in one call.
        self._inverted = traces is None and len(self._groups) == 1 and self._groups[0][0].inverted
        self.redraws = traces is None and all(demand.independent for demand in demands)
        self.context_size = sum(demand.context_size for demand in demands)
        self.rngs: list[np.random.Generator] = []
        # Uniform numbers of coming episodes, used from ``_used`` on: many short episodes take one call for
        # each environment. A single environment's generator is public, so nothing is drawn ahead of it.
        self._ahead = np.zeros((num_envs, self._numbers_ahead() if self._inverted and num_envs > 1 else 0))
        self._used = self._ahead.shape[1]
        self._block: Array = np.zeros((0, num_envs, self._items))
        self._context: Array = np.zeros((0, num_envs, self.context_size))
        self._memory: list[list[Array | None]] = []

    def reset(self, rngs: Sequence[np.random.Generator]) -> None:
        """Begin an episode in every environment, each with its own generator."""
        if self._used < self._ahead.shape[1]:
            for env, (rng, before) in enumerate(zip(rngs, self.rngs, strict=True)):
                if rng is not before:
                    rng.random(out=self._ahead[env, self._used :])
        self.rngs = list(rngs)
        # Demand that is inverted has no memory.
        self._memory = [] if self._inverted else [[None] * len(self._groups) for _ in range(self._num_envs)]
        self._draw_block(0)

    def demand(self, time: int) -> Array:
        """Demand of the period that begins at ``time``, shape ``(num_envs, items)``, units."""
        values: Array = self._block[time % BLOCK]
        return values

    def context(self, time: int) -> Array:
        """What an agent observes of the demand at ``time``, shape ``(num_envs, context_size)``."""
        values: Array = self._context[min(time % BLOCK, len(self._context) - 1)]
        return values

    def advance(self, time: int) -> None:
        """Draw the next block if ``time`` begins one before the end of the episode."""
        if time % BLOCK == 0 and time < self._horizon:
            self._draw_block(time)

    def redraw(self, time: int, rngs: Sequence[np.random.Generator]) -> None:
        """Draw the demand from ``time`` on again, where `redraws` allows it.

        Args:
            time: Periods played.
            rngs: A generator for each environment.
        """
        self.rngs, self._used = list(rngs), self._ahead.shape[1]
        past = time % BLOCK
        before = self._block[:past].copy()
        if not self._memory and not self._inverted:
            self._memory = [[None] * len(self._groups) for _ in range(self._num_envs)]
        self._draw_block(time - past)
        if before.shape == self._block[:past].shape:  # else no episode has begun, and the past is not known
            self._block[:past] = before

    def _numbers_ahead(self) -> int:
        """Uniform numbers of as many whole episodes as fit a block; 0 for long episodes."""
        episodes = BLOCK // self._horizon if self._horizon < BLOCK else 0
        return self._horizon * episodes * self._items

    def _draw_block(self, time: int) -> None:
        periods = min(BLOCK, self._horizon - time)
        if self._traces is not None:
            self._cut_traces(self._traces, time, periods)
            return
        if self._ahead.size:
            self._take_ahead(periods)
            return
        # Filled environment by environment, then transposed: a period's demand is contiguous for speed.
        block = np.empty((self._num_envs, periods, self._items))
        self._context = np.empty((periods, self._num_envs, self.context_size))
        for env, rng in enumerate(self.rngs):
            if self._inverted:
                rng.random(out=block[env])
            else:
                self._draw_env(env, rng, block[env])
        if self._inverted:
            block = quantiles(self._groups[0][0], block)
        self._block = np.ascontiguousarray(block.swapaxes(0, 1))

    def _take_ahead(self, periods: int) -> None:
        """Demand from the uniform numbers that were drawn ahead."""
        if self._used == self._ahead.shape[1]:
            for env, rng in enumerate(self.rngs):
                rng.random(out=self._ahead[env])
            self._used = 0
        begin, self._used = self._used, self._used + periods * self._items
        uniform = self._ahead[:, begin : self._used].reshape(self._num_envs, periods, self._items)
        demand = quantiles(self._groups[0][0], np.ascontiguousarray(uniform))
        self._block = np.ascontiguousarray(demand.swapaxes(0, 1))
        self._context = np.empty((periods, self._num_envs, 0))

    def _draw_env(self, env: int, rng: np.random.Generator, block: Array) -> None:
        """Fill ``block``, shape ``(periods, items)``, and the context of one environment."""
        column = 0
        for group, (demand, items) in enumerate(self._groups):
            memory = self._memory[env][group]
            values, context, self._memory[env][group] = draw(demand, rng, len(block), len(items), memory)
            block[:, items] = values
            if context is not None:
                self._context[:, env, column : column + context.shape[1]] = context
                column += context.shape[1]

    def _cut_traces(self, traces: Array, time: int, periods: int) -> None:
        """Demand of given traces; all items of an environment begin at the same random place."""
        starts = len(traces) - self._horizon + 1
        self._context = np.empty((periods, self._num_envs, 0))
        self._block = np.empty((periods, self._num_envs, self._items))
        for env, rng in enumerate(self.rngs):
            begin = self._memory[env][0]
            if begin is None:
                begin = self._memory[env][0] = np.array([rng.integers(starts)])
            first = int(begin[0]) + time
            self._block[:, env] = traces[first : first + periods]

    def get_state(self) -> dict[str, Any]:
        """Everything that coming demand depends on, as nested dicts of arrays and numbers."""
        return {
            "block": self._block.copy(),
            "seen": self._context.copy(),
            "memory": [
                {str(i): part.copy() for i, part in enumerate(parts) if part is not None}
                for parts in self._memory
            ],
            "ahead": self._ahead[:, self._used :].copy(),
            "rngs": [rng.bit_generator.state for rng in self.rngs],
        }

    def set_state(self, saved: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned; existing generators are set in place."""
        self._block, self._context = np.array(saved["block"]), np.array(saved["seen"])
        self._memory = [
            [np.array(parts[str(i)]) if str(i) in parts else None for i in range(len(self._groups))]
            for parts in saved["memory"]
        ]
        ahead = np.array(saved["ahead"])
        self._used = self._ahead.shape[1] - ahead.shape[1]
        self._ahead[:, self._used :] = ahead
        if len(self.rngs) != len(saved["rngs"]):
            self.rngs = [np.random.default_rng(0) for _ in saved["rngs"]]
        for rng, state in zip(self.rngs, saved["rngs"], strict=True):
            rng.bit_generator.state = state


def grouped(demands: Sequence[Demand]) -> list[tuple[Demand, list[int]]]:
    """Each distinct demand with the items that have it: they are drawn together, as one array."""
    groups: list[tuple[Demand, list[int]]] = []
    for item, demand in enumerate(demands):
        for other, items in groups:
            if other == demand:
                items.append(item)
                break
        else:
            groups.append((demand, [item]))
    return groups
