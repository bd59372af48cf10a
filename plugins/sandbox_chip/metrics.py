"""Metrics of a finished placement; their names, units and directions are in ``plugin.METRICS``."""

from __future__ import annotations

from sandbox_chip import costs
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import PlacementState


def final_metrics(design: Design, state: PlacementState, rudy_peak: float) -> dict[str, float]:
    """Metrics of a placement that is over, by name.

    At a dead end density and congestion grow by the share of the macros' area that was not placed, so that no
    cost gets better by leaving macros out.

    Args:
        design: The design that was placed.
        state: The finished placement.
        rudy_peak: The metric ``rudy``.
    """
    problem = design.problem
    x, y, orientation = problem.centres(state.places)
    placed = costs.evaluate(problem.netlist, design.technology, x, y, orientation)
    unplaced_area = float(problem.area_shares[state.num_placed :].sum() / problem.area_shares.sum())
    wirelength = state.wirelength / problem.scale
    density, congestion = placed.density + unplaced_area, placed.congestion + unplaced_area
    return {
        "hpwl": state.wirelength,
        "wirelength": wirelength,
        "density": density,
        "congestion": congestion,
        "proxy": wirelength + 0.5 * density + 0.5 * congestion,
        "rudy": rudy_peak,
        "overlap": costs.overlap(problem.netlist, x, y, orientation),
        "placed": state.num_placed / problem.num_macros,
    }
