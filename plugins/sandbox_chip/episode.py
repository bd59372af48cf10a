"""One placement in progress: what the single and the vector environment, placers and views share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_chip import observations
from sandbox_chip.designs import Design, DesignSource
from sandbox_chip.dynamics import PlacementState, initial_state, place_next
from sandbox_chip.metrics import final_metrics
from sandbox_chip.problem import Problem
from sandbox_chip.reward import Transition
from sandbox_chip.types import Bools, Floats, Image, Orientations

SEED_LIMIT = 2**31


class Episode:
    """The placement of one design, macro by macro.

    Args:
        source: Where designs come from.

    Attributes:
        seed: Of the episode; its design follows from it where designs are generated.
        number: Of the episode, counted from 1; 0 before the first.
        design: The design that is placed.
        state: The placement so far.
        metrics: Of the finished placement, None before its end.
    """

    design: Design
    state: PlacementState

    def __init__(self, source: DesignSource) -> None:
        self.source = source
        self.config = source.config
        self.seed = -1
        self.number = 0
        self.metrics: dict[str, float] | None = None

    def begin(self, seed: int) -> None:
        """Start a new episode with the design of a seed."""
        self.seed, self.number = seed, self.number + 1
        self.design = self.source.design(seed)
        self.state = initial_state(self.problem)
        self.metrics = None

    @property
    def problem(self) -> Problem:
        """The netlist on its grid."""
        return self.design.problem

    @property
    def over(self) -> bool:
        """Whether the episode has ended, or has not begun."""
        return self.number == 0 or self.state.over

    def action(self, column: int, row: int, k: int) -> int:
        """The action that puts the next macro's lower-left corner on a cell in orientation choice k."""
        return (k * self.problem.grid + row) * self.problem.grid + column

    def place(self, action: int) -> Transition:
        """Place the next macro; see `sandbox_chip.dynamics.place_next`."""
        rudy_peak = self.state.rudy_peak
        step = place_next(self.problem, self.state, action, self.config.density_target)
        if self.state.over:
            # Known fault of version 1 of the task: the metric `rudy` does not count the last macro.
            self.metrics = final_metrics(self.design, self.state, rudy_peak)
        return Transition(self.design, self.state, step, self.metrics)

    def observe(self, planes: Image, features: Image, mask: Bools) -> None:
        """Write the observation; see `sandbox_chip.observations.observe`."""
        observations.observe(self.design, self.state, planes, features, mask)

    def centres(self) -> tuple[Floats, Floats, Orientations]:
        """Centres and orientations of all nodes of the problem's netlist; NaN where not placed."""
        return self.problem.centres(self.state.places)

    def get_state(self) -> dict[str, Any]:
        """All that `set_state` needs to continue bit by bit."""
        placed = self.state.places[: self.state.num_placed].copy()
        return {"seed": self.seed, "number": self.number, "placed": placed}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called: the design is made again and its macros are placed again."""
        self.begin(int(state["seed"]))
        self.number = int(state["number"])
        for column, row, k in np.asarray(state["placed"]):
            self.place(self.action(int(column), int(row), int(k)))
