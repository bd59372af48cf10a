"""Generated networks and their demand, by the names that configurations use after ``generated:``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.network import grids, intersection
from sandbox_traffic.network.demand import Vehicle, draw_types, write_routes
from sandbox_traffic.network.netconvert import network_file
from sandbox_traffic.network.pedestrians import sample_pedestrians

SINGLE_INTERSECTION = "single-intersection"


def generated_network(name: str, sidewalks: bool = False) -> Path:
    """Network file of the generated network ``name``, with sidewalks and crossings if ``sidewalks``.

    Raises:
        InvalidValueError: If there is no such network; lists those there are.
    """
    grid = grids.parse(name)
    if grid is not None:
        return network_file(grid.name, grids.sources(grid, sidewalks))
    if name == SINGLE_INTERSECTION:
        return network_file(name, intersection.sources(sidewalks))
    raise InvalidValueError(
        f"'{GENERATED}{name}' is not a network that can be generated.",
        "Known: generated:single-intersection, generated:arterial-N with N from 2 to 20, and "
        "generated:grid-RxC with R rows and C columns, 1 to 20 each.",
    )


def write_demand(path: Path, config: SignalConfig, seed: int, scale: float) -> None:
    """Write the routes file of the episode that belongs to ``seed``.

    Vehicles, their types and pedestrians are drawn from separate generators, so that types and pedestrians
    leave the vehicles' routes and departures unchanged.

    Args:
        path: File to write.
        config: The parameters.
        seed: Seed of the episode.
        scale: Factor on the number of vehicles.
    """
    vehicles, types = draw_vehicles(config, seed, scale)
    pedestrian_rng = np.random.default_rng([seed, 3])
    duration, hourly = config.window + config.duration, config.pedestrians
    grid = grids.parse(config.net.removeprefix(GENERATED))
    if grid is None:
        pedestrians = sample_pedestrians(pedestrian_rng, duration, hourly, intersection.arm_edges())
    else:
        pedestrians = grids.sample_pedestrians(grid, pedestrian_rng, duration, hourly)
    write_routes(path, vehicles, types, pedestrians, config.begin)


def draw_vehicles(config: SignalConfig, seed: int, scale: float) -> tuple[Sequence[Vehicle], list[str]]:
    """The vehicles of the episode that belongs to ``seed``, in order of time, and their types.

    Args:
        config: The parameters.
        seed: Seed of the episode.
        scale: Factor on the number of vehicles.
    """
    vehicle_rng, type_rng = np.random.default_rng(seed), np.random.default_rng([seed, 2])
    duration = config.window + config.duration
    grid = grids.parse(config.net.removeprefix(GENERATED))
    if grid is None:
        departures = intersection.sample_departures(vehicle_rng, duration, scale, config.demand_side)
        vehicles: Sequence[Vehicle] = [
            (time, (f"{arm}_in", f"{exit_arm}_out")) for time, arm, exit_arm in departures
        ]
    else:
        vehicles = grids.sample_vehicles(grid, vehicle_rng, duration, config.level, scale, config.demand_side)
    shares = {"emergency": config.emergency, "bus": config.buses, "bicycle": config.bicycles}
    return vehicles, draw_types(type_rng, len(vehicles), shares)
