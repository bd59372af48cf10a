"""Cells are addressed by their content: the same question has the same id, another one another."""

from __future__ import annotations

from typing import Any

import pytest
from grids import trivial

from sandbox.api.errors import InvalidValueError, MisfitError, UnknownNameError
from sandbox.comparison.cells import Cell, make_grid, take_shard
from sandbox.comparison.suites import Suite


def ids(**changes: Any) -> dict[tuple[str, str, int | None], str]:
    return {
        (cell.scenario, cell.agent, cell.seed): cell.id
        for cell in make_grid(trivial(**changes), "test").cells
    }


def test_the_grid_is_scenario_times_agent_times_seed_with_baselines_once(still: None) -> None:
    cells = make_grid(trivial(agents=["still", "reinforce"], baselines="all"), "test").cells
    learned = [(cell.agent, cell.seed) for cell in cells if cell.kind == "learned"]
    assert learned == [(agent, seed) for seed in range(3) for agent in ("still", "reinforce")]
    baselines = [(cell.agent, cell.seed) for cell in cells if cell.kind == "baseline"]
    assert baselines == [("optimal", None), ("epsilon-right", None), ("random", None)]


def test_more_seeds_keep_the_cells_that_were_there(still: None) -> None:
    few, many = ids(seeds=2), ids(seeds=4)
    assert few.items() <= many.items()


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 21},
        {"episodes": 6},
        {"agents": [{"algorithm": "still", "hyperparameters": {"right": 0.5}}]},
        {"agents": [{"algorithm": "still", "num_envs": 3}]},
        {"scenarios": [{"id": "toy/corridor", "set": {"horizon": 51}}]},
    ],
)
def test_whatever_decides_numbers_changes_the_id(still: None, changes: dict[str, Any]) -> None:
    key = ("toy/corridor", "still", 0)
    assert ids(**changes)[key] != ids()[key]


def test_what_a_thing_is_called_does_not_change_the_id(still: None) -> None:
    renamed = ids(agents=[{"name": "idle", "algorithm": "still", "hyperparameters": {"fail": False}}])
    assert renamed["toy/corridor", "idle", 1] == ids()["toy/corridor", "still", 1]


def test_a_baseline_does_not_depend_on_steps_or_seeds(still: None) -> None:
    one, other = ids(baselines=["optimal"]), ids(baselines=["optimal"], steps=99, seeds=[7])
    for agent in ("optimal", "random"):
        assert one["toy/corridor", agent, None] == other["toy/corridor", agent, None]


def test_impossible_grids_are_refused_before_anything_runs(still: None) -> None:
    with pytest.raises(MisfitError):
        make_grid(Suite.model_validate({"scenarios": ["toy/regulator"], "agents": ["dqn"]}), "test")
    with pytest.raises(UnknownNameError):
        make_grid(trivial(baselines=["optimol"]), "test")
    with pytest.raises(InvalidValueError, match="do not differ"):
        make_grid(trivial(agents=["still", {"name": "same", "algorithm": "still"}]), "test")
    with pytest.raises(InvalidValueError, match="name of a baseline"):
        make_grid(trivial(agents=[{"name": "optimal", "algorithm": "still"}], baselines="all"), "test")
    with pytest.raises(InvalidValueError, match="nothing to compare"):
        make_grid(trivial(agents=[]), "test")
    with pytest.raises(InvalidValueError, match="named twice"):
        make_grid(trivial(scenarios=["toy/corridor", "toy/corridor"]), "test")


def test_shards_share_out_every_cell_once(still: None) -> None:
    cells = make_grid(trivial(seeds=10), "test").cells
    parts: list[Cell] = [cell for number in (1, 2, 3) for cell in take_shard(cells, f"{number}/3")]
    assert sorted(cell.id for cell in parts) == sorted(cell.id for cell in cells)
    for wrong in ("0/3", "4/3", "1", "a/b", "1/0", "-1/3"):
        with pytest.raises(InvalidValueError):
            take_shard(cells, wrong)
