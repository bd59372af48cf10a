"""The cost grid and the routing resources of a technology, which costs need as well as the netlist."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox_chip.config import ChipConfig


@dataclass(frozen=True, slots=True)
class Technology:
    """What costs are measured with.

    Attributes:
        columns: Cells of the cost grid along x.
        rows: Cells along y.
        routes_h: Horizontal routes, 1/µm.
        routes_v: Vertical routes, 1/µm.
        blocked_h: Horizontal routes that a macro takes, 1/µm.
        blocked_v: Vertical routes that a macro takes, 1/µm.
        smoothing: Neighbours on each side over which routes are spread.
    """

    columns: int = 32
    rows: int = 32
    routes_h: float = 70.33
    routes_v: float = 74.51
    blocked_h: float = 51.79
    blocked_v: float = 51.79
    smoothing: int = 2


def configured_technology(config: ChipConfig, of_file: Technology | None) -> Technology:
    """What a configuration names, else what the design's file says, else the defaults.

    The cost grid is the configuration's, else the file's, else the placement grid.
    """
    base = of_file or Technology()
    columns, rows = (config.grid, config.grid) if of_file is None else (base.columns, base.rows)
    if config.cost_grid is not None:
        columns = rows = config.cost_grid
    return Technology(
        columns,
        rows,
        base.routes_h if config.routes_h is None else config.routes_h,
        base.routes_v if config.routes_v is None else config.routes_v,
        base.blocked_h if config.blocked_h is None else config.blocked_h,
        base.blocked_v if config.blocked_v is None else config.blocked_v,
        base.smoothing if config.smoothing is None else config.smoothing,
    )
