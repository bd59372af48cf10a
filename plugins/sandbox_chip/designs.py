"""Which design an episode places: the file's, or one that is generated from the episode's seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from sandbox.api import InputPart, InvalidValueError
from sandbox_chip.config import GENERATED, ChipConfig
from sandbox_chip.fit import require_fit
from sandbox_chip.generator import Recipe, generate_problem
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist
from sandbox_chip.placers.forces import SoftPlacer, soft_placer
from sandbox_chip.placers.quadratic import inside, quadratic_targets
from sandbox_chip.placers.springs import springs
from sandbox_chip.placers.whole import WholeDesign, whole_design
from sandbox_chip.problem import Problem, build_problem
from sandbox_chip.technology import Technology, configured_technology
from sandbox_chip.types import Floats

Stamp = tuple[tuple[str, int, int], ...]
"""Path, time of the last change (ns) and size of files."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A problem with what is computed once for it.

    Attributes:
        problem: The netlist on its grid. Soft macros lie where they are expected.
        technology: What costs are measured with.
        targets: Expected centres of the macros (a quadratic placement), shape ``(n, 2)``.
        filed: The problem's netlist with all places of the file.
        soft: Places soft macros after the hard ones; None where they stay, or there are none.
        whole: Places standard cells after all macros; None where they are left out, or there are none.
    """

    problem: Problem
    technology: Technology
    targets: Floats
    filed: Netlist | None = None
    soft: SoftPlacer | None = None
    whole: WholeDesign | None = None


class DesignSource:
    """Gives every episode its design.

    Args:
        config: Names the file or the family of generated designs.

    Raises:
        BrokenFileError: For a file that cannot be read.
        InvalidValueError: For a design that does not fit the grid.
    """

    def __init__(self, config: ChipConfig) -> None:
        self.config = config
        self._single: Design | None = None
        if not config.netlist.startswith(GENERATED):
            self._single = _read(config, _stamp(config))
        elif config.design_seed is not None:
            self._single = _generate(config, config.design_seed)

    def design(self, seed: int) -> Design:
        """The design of the episode with this seed."""
        return self._single or _generate(self.config, seed)


def _generate(config: ChipConfig, seed: int) -> Design:
    recipe = Recipe(
        config.netlist.removeprefix(GENERATED),
        (config.macros_min, config.macros_max),
        (config.utilisation_min, config.utilisation_max),
        config.rent,
        config.grid,
        config.generated_cells,
    )
    netlist, problem = generate_problem(recipe, seed, config.orientation)
    whole = _whole(netlist, (MACRO, PAD), config)
    return Design(problem, configured_technology(config, None), quadratic_targets(problem), whole=whole)


def _whole(netlist: Netlist, kinds: tuple[int, ...], config: ChipConfig) -> WholeDesign | None:
    """The netlist with its cells, where the configuration has them placed."""
    if config.cells == "none":
        return None
    if config.soft_macros == "none":
        netlist = netlist.of_kinds(MACRO, PAD, CELL)
    return whole_design(netlist, kinds, config.density_target, config.grid)


def read_netlist(config: ChipConfig) -> tuple[Netlist, Technology | None]:
    """The netlist of a configuration's files; see `sandbox_chip.formats.reader.read_design`."""
    return _read_netlist(config, _stamp(config))


@lru_cache(maxsize=4)
def _read_netlist(config: ChipConfig, stamp: Stamp) -> tuple[Netlist, Technology | None]:
    from sandbox_chip.formats.reader import read_design

    return read_design(config)


@lru_cache(maxsize=4)
def _read(config: ChipConfig, stamp: Stamp) -> Design:
    netlist, technology = _read_netlist(config, stamp)
    return make_design(netlist, configured_technology(config, technology), config)


def input_parts(config: ChipConfig) -> Sequence[InputPart]:
    """What the design's files hold and what of it is used; see `sandbox.api.Task.inputs`."""
    if config.netlist.startswith(GENERATED):
        return ()
    notes = read_netlist(config)[0].notes
    return [InputPart(note.file, note.item, note.count, note.used, note.reason) for note in notes]


def _stamp(config: ChipConfig) -> Stamp:
    """What tells whether the files of a design have been changed since they were read."""
    from sandbox_chip.formats.reader import design_files

    files = [file for file in design_files(config) if file.is_file()]
    return tuple((str(file), (status := file.stat()).st_mtime_ns, status.st_size) for file in files)


def make_design(netlist: Netlist, technology: Technology, config: ChipConfig) -> Design:
    """A netlist as a design to place.

    Raises:
        InvalidValueError: For a netlist that does not fit the grid, or soft macros without the places that
            the configuration asks for.
    """
    has_soft = bool((netlist.kind == SOFT).any()) and config.soft_macros != "none"
    filed = netlist.without_cells() if has_soft else netlist.macros_only()
    start = filed
    if has_soft and config.soft_macros == "forces":
        start = _with_expected_places(filed)
    elif has_soft:
        _require_places(filed)
    problem = build_problem(start, config.grid, config.orientation, channel=config.channel, soft=has_soft)
    require_fit(problem, config.orientation, config.channel)
    soft = soft_placer(problem.netlist) if has_soft and config.soft_macros == "forces" else None
    kinds = (MACRO, PAD, SOFT) if has_soft else (MACRO, PAD)
    whole = _whole(netlist, kinds, config)
    return Design(problem, technology, _targets(problem, start, has_soft), filed, soft, whole)


def _with_expected_places(netlist: Netlist) -> Netlist:
    """Hard and soft macros where springs put them: what is expected before any is placed."""
    moves = np.isin(netlist.kind, (MACRO, SOFT)) & ~netlist.fixed
    x, y = springs(netlist, moves, netlist.x).solve(netlist.x, netlist.y, netlist.orientation)
    return replace(netlist, x=x, y=y)


def _require_places(netlist: Netlist) -> None:
    lost = (netlist.kind == SOFT) & np.isnan(netlist.x)
    if lost.any():
        name = netlist.nodes[int(np.flatnonzero(lost)[0])]
        raise InvalidValueError(
            f"The soft macro {name} of {netlist.name} has no position.",
            "Use --set soft_macros=forces, or name a placement that holds it.",
        )


def _targets(problem: Problem, start: Netlist, has_soft: bool) -> Floats:
    """Expected centres of the macros; those of the springs where soft macros take part in them."""
    if not has_soft:
        return quadratic_targets(problem)
    moves = np.zeros(len(start.kind), bool)
    moves[problem.macros] = True
    x, y = springs(start, moves, start.x).solve(start.x, start.y, start.orientation)
    left, bottom = start.canvas[:2]
    width, height = start.size
    half_w, half_h = problem.arrays.half_w[0], problem.arrays.half_h[0]
    centres_x = inside(x[problem.macros] - left, half_w, width)
    centres_y = inside(y[problem.macros] - bottom, half_h, height)
    return np.stack((centres_x, centres_y), axis=1)
