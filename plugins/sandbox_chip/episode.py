"""One placement in progress: what the single and the vector environment, placers and views share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip import observations
from sandbox_chip.designs import Design, DesignSource
from sandbox_chip.dynamics import PlacementState, initial_state, place_at, place_next
from sandbox_chip.finish import Placement, centres, finish
from sandbox_chip.metrics import final_metrics
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.placers.initial import filed_centres
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
        filed: Centres of the macros in the file where they go there, whatever the actions, else None; see
            `place_as_filed`.
        placement: The finished placement, None before its end.
        metrics: Of the finished placement, None before its end.
    """

    design: Design
    state: PlacementState

    def __init__(self, source: DesignSource) -> None:
        self.source = source
        self.config = source.config
        self.seed = -1
        self.number = 0
        self.filed: Floats | None = None
        self.placement: Placement | None = None
        self.metrics: dict[str, float] | None = None

    def begin(self, seed: int) -> None:
        """Start a new episode with the design of a seed."""
        self.seed, self.number = seed, self.number + 1
        self.design = self.source.design(seed)
        self.state = initial_state(self.problem)
        self.filed = self.placement = self.metrics = None

    @property
    def problem(self) -> Problem:
        """The netlist on its grid."""
        return self.design.problem

    @property
    def over(self) -> bool:
        """Whether the episode has ended, or has not begun."""
        return self.number == 0 or self.state.over

    @property
    def rudy(self) -> Floats:
        """RUDY of every cell, of the finished placement where it is finished, shape ``(grid, grid)``."""
        return self.state.rudy if self.placement is None else self.placement.rudy

    def action(self, column: int, row: int, k: int) -> int:
        """The action that puts the next macro's lower-left corner on a cell in orientation choice k."""
        return (k * self.problem.grid + row) * self.problem.grid + column

    def action_text(self, action: int) -> str:
        """An action of the next macro in words."""
        problem, macro = self.problem, self.state.num_placed
        k, cell = divmod(action, problem.grid**2)
        row, column = divmod(cell, problem.grid)
        turned = ORIENTATIONS[problem.orientations[k, macro]]
        turn = f" turned {turned}" if problem.num_choices > 1 else ""
        return f"{problem.netlist.nodes[problem.macros[macro]]} at column {column}, row {row}{turn}"

    def place_as_filed(self) -> None:
        """From here on put every macro exactly where the file has it, on or off the grid.

        Actions then say nothing.

        Raises:
            InvalidValueError: If the file does not place the macros.
        """
        netlist = self.design.filed or self.problem.netlist
        self.filed = filed_centres(netlist, self.problem.macros)
        if self.filed is None:
            raise InvalidValueError(
                f"The design {self.problem.netlist.name} has no placement of its own.",
                "The baseline 'initial' needs a file that places its macros.",
            )

    def place(self, action: int) -> Transition:
        """Place the next macro; see `sandbox_chip.dynamics.place_next`."""
        target = self.config.density_target
        if self.filed is None:
            step = place_next(self.problem, self.state, action, target)
        else:
            x, y = self.filed[self.state.num_placed]
            step = place_at(self.problem, self.state, x, y, target)
        if self.state.over:
            # What follows the last macro counts as its own: the terms sum up to the metrics.
            self.placement = finish(self.design, self.state, self.filed is not None)
            step = replace(
                step,
                wirelength=step.wirelength + self.placement.wirelength - self.state.wirelength,
                rudy_peak=step.rudy_peak + self.placement.rudy_peak - self.state.rudy_peak,
            )
            self.metrics = final_metrics(self.design, self.state, self.placement)
        return Transition(self.design, self.state, step, self.metrics)

    def observe(self, planes: Image, features: Image, mask: Bools) -> None:
        """Write the observation; see `sandbox_chip.observations.observe`."""
        observations.observe(self.design, self.state, planes, features, mask)

    def centres(self) -> tuple[Floats, Floats, Orientations]:
        """Centres and orientations of all nodes of the problem's netlist; NaN where not placed."""
        if self.placement is not None:
            return self.placement.x, self.placement.y, self.placement.orientation
        return centres(self.design, self.state)

    def get_state(self) -> dict[str, Any]:
        """All that `set_state` needs to continue bit by bit."""
        placed = self.state.places[: self.state.num_placed].copy()
        return {
            "seed": self.seed,
            "number": self.number,
            "placed": placed,
            "as_filed": self.filed is not None,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called: the design is made again and its macros are placed again."""
        self.begin(int(state["seed"]))
        self.number = int(state["number"])
        if state["as_filed"]:
            self.place_as_filed()
        for column, row, k in np.asarray(state["placed"]):
            self.place(self.action(int(column), int(row), int(k)))
