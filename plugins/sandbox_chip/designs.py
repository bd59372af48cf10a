"""Which design an episode places: the file's, or one that is generated from the episode's seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sandbox_chip.config import GENERATED, ChipConfig
from sandbox_chip.fit import require_fit
from sandbox_chip.generator import Recipe, generate_problem
from sandbox_chip.placers.quadratic import quadratic_targets
from sandbox_chip.problem import Problem, build_problem
from sandbox_chip.technology import Technology, configured_technology
from sandbox_chip.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A problem with what is computed once for it.

    Attributes:
        problem: The netlist on its grid.
        technology: What costs are measured with.
        targets: Expected centres of the macros (a quadratic placement), shape ``(n, 2)``.
    """

    problem: Problem
    technology: Technology
    targets: Floats


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
            self._single = _read(config)
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
    )
    problem = generate_problem(recipe, seed, config.orientation)
    return Design(problem, configured_technology(config, None), quadratic_targets(problem))


@lru_cache(maxsize=4)
def _read(config: ChipConfig) -> Design:
    from sandbox_chip.formats.reader import read_design

    netlist, technology = read_design(config)
    problem = build_problem(netlist, config.grid, config.orientation)
    require_fit(problem, config.orientation)
    return Design(problem, configured_technology(config, technology), quadratic_targets(problem))
