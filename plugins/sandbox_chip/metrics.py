"""Metrics of a finished placement; their names, units and directions are in ``plugin.METRICS``."""

from __future__ import annotations

from sandbox_chip import costs
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import PlacementState
from sandbox_chip.finish import Placement


def final_metrics(design: Design, state: PlacementState, placement: Placement) -> dict[str, float]:
    """Metrics of a placement that is over, by name.

    At a dead end density and congestion grow by the share of the macros' area that was not placed, so that no
    cost gets better by leaving macros out.

    Args:
        design: The design that was placed.
        state: The finished placement of its macros.
        placement: The same with soft macros.
    """
    problem = design.problem
    x, y, orientation = placement.x, placement.y, placement.orientation
    placed = costs.evaluate(problem.netlist, design.technology, x, y, orientation)
    unplaced_area = float(problem.area_shares[state.num_placed :].sum() / problem.area_shares.sum())
    wirelength = placement.wirelength / problem.scale
    density, congestion = placed.density + unplaced_area, placed.congestion + unplaced_area
    return {
        "hpwl": placement.wirelength,
        "wirelength": wirelength,
        "density": density,
        "congestion": congestion,
        "proxy": wirelength + 0.5 * density + 0.5 * congestion,
        "rudy": placement.rudy_peak,
        "overlap": costs.overlap(problem.netlist, x, y, orientation),
        "total_hpwl": placement.whole.hpwl,
        "total_wirelength": placement.whole.wirelength,
        "total_overflow": placement.whole.overflow,
        "total_rudy": placement.whole.rudy,
        "placed": state.num_placed / problem.num_macros,
    }
