"""The trial of the short form: elevators written from the documentation keep the whole contract."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sandbox.registry.discover import registry
from sandbox.testing import contract_cases

FOLDER = Path(__file__).parents[1] / "fixtures" / "elevator"
PLUGIN = FOLDER / "sandbox_elevator" / "plugin.py"

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("case", contract_cases(str(PLUGIN)))
def test_contract(case) -> None:
    case.run()


@pytest.fixture
def building(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from sandbox_elevator.building import Building, BuildingConfig

    config = BuildingConfig(floors=3, cars=1, room=2, horizon=10)
    made = Building(config, 1, 1)
    made.begin(0, np.random.default_rng(0))
    made.coming[:], made.floor[:] = 0, 0
    yield made
    for name in [name for name in sys.modules if name.startswith("sandbox_elevator")]:
        del sys.modules[name]


def test_passengers_ride_to_their_floor_and_no_more_than_there_is_room_for(building):
    building.waiting[0, 0, 2] = 3
    moves = [building.step(np.array([[action]])) for action in (0, 2, 2, 0)]  # open, up, up, open
    assert [int(step.waiting[0]) for step in moves] == [1, 1, 1, 1]
    assert [int(step.riding[0]) for step in moves] == [2, 2, 2, 0]
    assert [int(step.delivered[0]) for step in moves] == [0, 0, 0, 2]
    assert [int(step.moves[0]) for step in moves] == [0, 1, 1, 0]


def test_nobody_is_lost(building):
    rng = np.random.default_rng(1)
    building.begin(0, rng)
    came = 0
    for time in range(10):
        came += int(building.coming[time, 0].sum())
        step = building.step(rng.integers(0, 3, (1, 1)))
        assert int(step.waiting[0] + step.riding[0] + building.served[0]) == came


def test_the_domain_is_read_from_its_path_with_scenarios_of_its_own(monkeypatch):
    monkeypatch.setenv("SANDBOX_PLUGINS", str(PLUGIN))
    registry.cache_clear()
    from sandbox.scenarios.listing import list_scenarios

    listed = {entry["id"]: entry for entry in list_scenarios()}
    assert listed["elevator/bank"]["agents"] == "parallel"
    assert listed["elevator/car"]["metric"] == "wait"
    registry.cache_clear()
