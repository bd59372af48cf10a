"""What is left of a problem when some macros are placed: a problem of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sandbox_chip.dynamics import PlacementState
from sandbox_chip.kernels.wirelength import wirelength
from sandbox_chip.problem import Problem
from sandbox_chip.types import Places


def rest(problem: Problem, state: PlacementState) -> Problem:
    """The macros that are still to be placed, with the placed ones as blocks that do not move.

    Its wirelength is that of the whole problem. Quadratic placement reads fixed pins one by one, which a
    state does not keep: those of placed macros count there as one pin a net, in the middle of their box.

    Args:
        problem: The problem.
        state: A state with at least one macro left.
    """
    arrays, first = problem.arrays, state.num_placed
    begin = arrays.entry_start[first]
    left = arrays.net_entry >= begin
    net_of = np.repeat(np.arange(len(arrays.net_weight)), np.diff(arrays.net_start))[left]
    fixed_pins = arrays.fixed_pins.copy()
    for entry in range(begin):
        macro = int(np.searchsorted(arrays.entry_start, entry, side="right")) - 1
        box = arrays.pin_box[state.places[macro, 2], entry]
        x, y = state.centres[macro]
        middle = x + (box[0] + box[1]) / 2, y + (box[2] + box[3]) / 2
        fixed_pins[arrays.entry_net[entry]] += (1.0, *middle)
    arrays = arrays._replace(
        footprint_w=np.ascontiguousarray(arrays.footprint_w[:, first:]),
        footprint_h=np.ascontiguousarray(arrays.footprint_h[:, first:]),
        half_w=np.ascontiguousarray(arrays.half_w[:, first:]),
        half_h=np.ascontiguousarray(arrays.half_h[:, first:]),
        centre_x=np.ascontiguousarray(arrays.centre_x[:, first:]),
        centre_y=np.ascontiguousarray(arrays.centre_y[:, first:]),
        entry_start=arrays.entry_start[first:] - begin,
        entry_net=arrays.entry_net[begin:].copy(),
        pin_box=np.ascontiguousarray(arrays.pin_box[:, begin:]),
        net_start=np.concatenate(([0], np.cumsum(np.bincount(net_of, minlength=len(arrays.net_weight))))),
        net_macro=arrays.net_macro[left] - first,
        net_entry=arrays.net_entry[left] - begin,
        fixed_bounds=state.bounds.copy(),
        fixed_pins=fixed_pins,
        free=state.free.copy(),
        region=arrays.region[first:].copy(),
    )
    return replace(
        problem,
        macros=problem.macros[first:],
        orientations=problem.orientations[:, first:],
        arrays=arrays,
        area_shares=problem.area_shares[first:],
        fixed_wirelength=wirelength(arrays, arrays.fixed_bounds),
    )


def follows(state: PlacementState, places: Places) -> bool:
    """Whether the macros that are placed lie where a complete placement has them."""
    return bool(np.array_equal(state.places[: state.num_placed], places[: state.num_placed]))
