"""One placement in progress: the state behind the single and the vector environment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_chip import costs, generator, grid, planes
from sandbox_chip.config import GENERATED, ChipConfig
from sandbox_chip.costs import Technology
from sandbox_chip.grid import Problem
from sandbox_chip.netlist import Floats
from sandbox_chip.reward import Transition
from sandbox_chip.targets import quadratic_targets

SEED_LIMIT = 2**31


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A problem with what is worked out once for it.

    Attributes:
        problem: The netlist on its grid.
        targets: Expected centres of the macros, shape ``(n, 2)``.
        areas: Share of the canvas that each macro takes.
        technology: What the costs are measured with.
        area: Of all macros together, µm².
    """

    problem: Problem
    targets: Floats
    areas: Floats
    technology: Technology
    area: float


class Source:
    """Gives every episode its design: the file's, or one generated from the episode's seed.

    Args:
        config: Names the file or the family.

    Raises:
        BrokenFileError: For a file that cannot be read.
        InvalidValueError: For a design that does not fit the grid.
    """

    def __init__(self, config: ChipConfig) -> None:
        self.config = config
        self._recipe: generator.Recipe | None = None
        self._fixed: Design | None = None
        if config.netlist.startswith(GENERATED):
            self._recipe = generator.Recipe(
                config.netlist.removeprefix(GENERATED),
                (config.macros_min, config.macros_max),
                (config.utilisation_min, config.utilisation_max),
                config.rent,
                config.grid,
            )
            if config.design_seed is not None:
                self._fixed = self._generated(config.design_seed)
        else:
            self._fixed = _from_file(config)

    def design(self, seed: int) -> Design:
        """The design of the episode with this seed."""
        return self._fixed or self._generated(seed)

    def _generated(self, seed: int) -> Design:
        assert self._recipe is not None
        _, problem = generator.generate_fitted(self._recipe, seed, self.config.orientation)
        return _design(problem, _technology(self.config, Technology()))


@lru_cache(maxsize=4)
def _from_file(config: ChipConfig) -> Design:
    from sandbox_chip.files import read_design

    netlist, technology = read_design(config)
    problem = grid.build(netlist, config.grid, config.orientation)
    grid.require_fit(problem, config.orientation)
    return _design(problem, _technology(config, technology or Technology(), own=technology is not None))


def _design(problem: Problem, technology: Technology) -> Design:
    width, height = problem.netlist.size
    macros = problem.macros
    areas = problem.netlist.width[macros] * problem.netlist.height[macros] / (width * height)
    area = float(areas.sum()) * width * height
    return Design(problem, quadratic_targets(problem), areas, technology, area)


def _technology(config: ChipConfig, base: Technology, own: bool = False) -> Technology:
    def either(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else value

    columns, rows = (base.columns, base.rows) if own else (config.grid, config.grid)
    if config.cost_grid is not None:
        columns = rows = config.cost_grid
    return Technology(
        columns,
        rows,
        either(config.routes_h, base.routes_h),
        either(config.routes_v, base.routes_v),
        either(config.blocked_h, base.blocked_h),
        either(config.blocked_v, base.blocked_v),
        int(either(config.smoothing, base.smoothing)),
    )


class Episode:
    """The placement of one design, macro by macro.

    Args:
        source: Where designs come from.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.config = source.config
        self.seed = -1
        self.number = 0
        self.over = True

    def begin(self, seed: int) -> None:
        """Start anew with the design of a seed."""
        self.seed, self.number = seed, self.number + 1
        self.design = self.source.design(seed)
        problem = self.design.problem
        self.arrays = problem.arrays
        self.places = np.full((problem.count, 3), -1, np.int64)
        self.free = self.arrays.free.copy()
        self.bounds = self.arrays.fixed.copy()
        self.bins = np.zeros((planes.BINS, planes.BINS))
        self.index = 0
        self.length = problem.base
        self.overflow = 0.0
        self.cells, self.peak = planes.demand(self.arrays, self.bounds, problem.scale)
        self.over = False
        self.metrics: dict[str, float] | None = None

    @property
    def problem(self) -> Problem:
        """The netlist on its grid."""
        return self.design.problem

    def action(self, column: int, row: int, k: int) -> int:
        """The action that puts the next macro's lower-left corner on a cell in orientation ``k``."""
        return (k * self.problem.grid + row) * self.problem.grid + column

    def place(self, action: int) -> tuple[Transition, bool]:
        """Place the next macro.

        An action that is not legal puts it on the legal cell nearest to the one that was asked for, in
        the same orientation where there is one.

        Returns:
            What changed, and whether the action was legal.
        """
        scale = self.problem.scale
        legal, growth, over, self.cells, peak, stuck = planes.advance(
            self.arrays,
            self.index,
            int(action),
            self.places,
            self.free,
            self.bounds,
            self.bins,
            self.config.density_target,
            self.design.area,
            scale,
        )
        self.index += 1
        self.length += growth
        left = self.problem.count - self.index
        if stuck:
            lost = self._charge_unplaced()
            growth, self.length = growth + lost, self.length + lost
        self.over = stuck or left == 0
        if self.over:
            self.metrics = self._finished()
        transition = Transition(
            growth / scale,
            over - self.overflow,
            peak - self.peak,
            left / self.problem.count if stuck else 0.0,
            self.metrics["proxy"] if self.metrics else 0.0,
        )
        self.overflow, self.peak = over, peak
        return transition, legal

    def observe(self, image: Any, features: Any, mask: Any) -> None:
        """Write what the agent sees; see `sandbox_chip.env.ChipEnv`."""
        planes.observe(
            self.arrays,
            self.index if not self.over else self.problem.count,
            self.places,
            self.free,
            self.bounds,
            self.design.targets,
            self.cells,
            self.length,
            self.problem.scale,
            self.design.areas,
            image,
            features,
            mask,
        )

    def centres(self) -> tuple[Floats, Floats, NDArray[np.int8]]:
        """Centres and orientations of all nodes of `problem`'s netlist; NaN where not placed."""
        return self.problem.centres(self.places)

    def get_state(self) -> dict[str, Any]:
        """All that `set_state` needs to go on bit by bit."""
        return {"seed": self.seed, "number": self.number, "placed": self.places[: self.index].copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where `get_state` was called: the design is made again and its macros are put back."""
        self.begin(int(state["seed"]))
        self.number = int(state["number"])
        for column, row, k in np.asarray(state["placed"]):
            self.place(self.action(int(column), int(row), int(k)))

    def _charge_unplaced(self) -> float:
        """Extra wirelength: a net with a pin on an unplaced macro counts as spanning the canvas."""
        width, height = self.problem.netlist.size
        nets = np.unique(self.arrays.entry_net[self.arrays.entry_start[self.index] :])
        box = self.bounds[nets]
        now = np.where(box[:, 0] <= box[:, 1], box[:, 1] - box[:, 0] + box[:, 3] - box[:, 2], 0.0)
        return float((self.arrays.weight[nets] * np.maximum(width + height - now, 0.0)).sum())

    def _finished(self) -> dict[str, float]:
        """Metrics of the placement; names and units as in ``plugin.METRICS``."""
        problem = self.problem
        x, y, orientation = self.centres()
        found = costs.evaluate(problem.netlist, self.design.technology, x, y, orientation)
        placed = self.index / problem.count
        lost = float(self.design.areas[self.index :].sum() / self.design.areas.sum())
        wirelength = self.length / problem.scale
        # What was not placed must not make a placement look better.
        density, congestion = found.density + lost, found.congestion + lost
        return {
            "hpwl": self.length,
            "wirelength": wirelength,
            "density": density,
            "congestion": congestion,
            "proxy": wirelength + 0.5 * density + 0.5 * congestion,
            "rudy": float(self.peak),
            "overlap": costs.overlap(problem.netlist, x, y, orientation),
            "placed": placed,
        }
