"""Soft macros take part: at the file's places or by forces, in every cost, and after the hard macros."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chip_support import netlist
from test_chip_convert import whole_design
from test_chip_flow_files import play

from sandbox.api import InvalidValueError
from sandbox_chip import baselines, costs
from sandbox_chip.clustering import cluster_cells
from sandbox_chip.config import ChipConfig
from sandbox_chip.convert import write_design
from sandbox_chip.env import make
from sandbox_chip.kernels.rudy import relative_rudy
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist
from sandbox_chip.placers.forces import soft_placer
from sandbox_chip.reward import PRESETS
from sandbox_chip.technology import Technology


def clustered(folder: Path, **changes: Any) -> dict[str, Any]:
    """Parameters that name a clustered netlist with its placement."""
    design = replace(cluster_cells(whole_design(), 6), **changes)
    _, plc = write_design(folder / "n.pb.txt", design, Technology(20, 10, 5.0, 6.0, 2.0, 3.0, 1))
    return {"netlist": str(folder / "n.pb.txt"), "placement": str(plc)}


def header(path: str) -> dict[str, float]:
    """The costs in a placement's header."""
    rows = (line[2:].split(" : ", 1) for line in Path(path).read_text().splitlines() if " cost : " in line)
    return {name: float(value) for name, value in rows}


@pytest.mark.parametrize("soft_macros", ["file", "forces"])
@pytest.mark.parametrize("grid", [20, 37])
def test_the_initial_placement_has_the_costs_of_the_files_header(
    tmp_path: Path, soft_macros: str, grid: int
) -> None:
    config = clustered(tmp_path)
    metrics = play("initial", **config, grid=grid, soft_macros=soft_macros)
    expected = header(config["placement"])
    assert round(metrics["wirelength"], 4) == expected["Wirelength cost"]
    assert round(metrics["density"], 4) == expected["Density cost"]
    assert round(metrics["congestion"], 4) == expected["Congestion cost"]
    proxy = metrics["wirelength"] + 0.5 * metrics["density"] + 0.5 * metrics["congestion"]
    assert metrics["proxy"] == pytest.approx(proxy)


def test_left_out_soft_macros_count_nowhere(tmp_path: Path) -> None:
    config = clustered(tmp_path)
    metrics = play("initial", **config, soft_macros="none")
    design = cluster_cells(whole_design(), 6).macros_only()
    assert metrics["hpwl"] == pytest.approx(costs.hpwl(design, design.x, design.y))


def test_soft_macros_without_a_place_in_the_file_are_asked_for(tmp_path: Path) -> None:
    design = cluster_cells(whole_design(), 6)
    x = np.where(design.kind == SOFT, np.nan, design.x)
    config = clustered(tmp_path, x=x)
    with pytest.raises(InvalidValueError, match=r"The soft macro Grp_\d+ of n has no position"):
        play("greedy", **config, soft_macros="file")
    assert play("greedy", **config, soft_macros="forces")["placed"] == 1


def test_nets_between_soft_macros_stay_when_cells_are_left_out() -> None:
    nodes = [(MACRO, 2, 2), (SOFT, 2, 2), (SOFT, 2, 2), (PAD, 0, 0), (CELL, 1, 1), (PAD, 0, 0)]
    nets = [[(0, 0, 0), (4, 0, 0)], [(1, 0, 0), (2, 0, 0)], [(1, 0, 0), (3, 0, 0)], [(3, 0, 0), (5, 0, 0)]]
    design = netlist(nodes, nets, {3: (0, 0), 5: (9, 9)})
    # Left are the net between the soft macros and that to a pad; neither the cell's nor the one of two pads.
    assert design.without_cells().num_nets == 2
    assert design.macros_only().num_nets == 0


def springs_between(*, at: tuple[float, float] = (np.nan, np.nan)) -> Netlist:
    """A soft macro of 4 × 4 between pads at (20, 50) and (60, 50); the second net weighs 3."""
    nodes = [(MACRO, 30, 30), (SOFT, 4, 4), (PAD, 0, 0), (PAD, 0, 0)]
    nets = [[(2, 0, 0), (1, 0, 0)], [(3, 0, 0), (1, 0, 0)]]
    return netlist(nodes, nets, {1: at, 2: (20, 50), 3: (60, 50)}, weights=[1, 3])


def place(design: Netlist, macro: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Centres once the hard macro, node 0, lies somewhere."""
    placer = soft_placer(design)
    assert placer is not None
    x, y = design.x.copy(), design.y.copy()
    x[0], y[0] = macro
    return placer.place(x, y, design.orientation)


def test_a_soft_macro_lies_where_its_springs_balance() -> None:
    x, y = place(springs_between(), (20, 15))
    # 1 · (20 − x) + 3 · (60 − x) = 0.
    assert (x[1], y[1]) == pytest.approx((50, 50), abs=0.05)
    assert (x[0], y[0]) == (20, 15)


def test_a_soft_macro_is_pushed_out_of_a_hard_one() -> None:
    # The macro covers [30, 60] × [33, 63]; the way out is shortest to the right, against the springs.
    x, y = place(springs_between(), (45, 48))
    overlap_x = 17 - abs(x[1] - 45)
    overlap_y = 17 - abs(y[1] - 48)
    assert min(overlap_x, overlap_y) < 1.0


def test_soft_macros_at_one_point_come_apart() -> None:
    nodes = [(MACRO, 5, 5), *[(SOFT, 6, 6)] * 8, (PAD, 0, 0)]
    nets = [[(9, 0, 0), (1 + index, 0, 0)] for index in range(8)]
    design = netlist(nodes, nets, {9: (50, 50)})
    x, y = place(design, (5, 5))
    pairs = [(a, b) for a in range(1, 9) for b in range(1, a)]
    shared = [max(0, 6 - abs(x[a] - x[b])) * max(0, 6 - abs(y[a] - y[b])) for a, b in pairs]
    # At one point all 28 pairs would share 36 each.
    assert sum(shared) < 0.1 * 28 * 36
    assert np.hypot(x[1:9] - 50, y[1:9] - 50).max() < 25


def test_agents_are_judged_with_the_soft_macros_where_the_forces_put_them(tmp_path: Path) -> None:
    env = make(ChipConfig(**clustered(tmp_path), grid=20), PRESETS["proxy"])
    policy = baselines.greedy_policy(env)
    observation, info = env.reset(seed=0)
    policy.reset(1, 0)
    rewards = 0.0
    while "metrics" not in info:
        action = policy.act(observation, info["action_mask"])[0]
        observation, reward, _, _, info = env.step(action)
        rewards += reward
    episode = env.core.episodes[0]
    x, y, orientation = episode.centres()
    placed = episode.problem.netlist
    assert (placed.kind == SOFT).sum() >= 6
    evaluated = costs.evaluate(placed, episode.design.technology, x, y, orientation)
    assert info["metrics"]["proxy"] == pytest.approx(evaluated.proxy)
    assert info["metrics"]["hpwl"] == pytest.approx(evaluated.hpwl)
    assert rewards == pytest.approx(-evaluated.proxy)
    again = episode.design.soft.place(x, y, orientation)
    np.testing.assert_array_equal(again[0], x)
    # RUDY is that of the finished placement, soft macros and the last macro included.
    boxes = costs.net_boxes(placed, x, y, orientation)
    _, peak = relative_rudy(boxes, placed.net_weight, *placed.size, 20, episode.problem.scale)
    assert info["metrics"]["rudy"] == pytest.approx(peak)


@pytest.mark.parametrize("preset", ["wirelength", "wirelength-congestion"])
def test_the_terms_of_an_episode_sum_up_to_its_metrics(tmp_path: Path, preset: str) -> None:
    env = make(ChipConfig(**clustered(tmp_path), grid=20), PRESETS[preset])
    _, info = env.reset(seed=0)
    problem = env.core.episodes[0].problem
    rudy = env.core.episodes[0].state.rudy_peak
    sums = {"wirelength": problem.fixed_wirelength / problem.scale, "congestion": rudy}
    while "metrics" not in info:
        _, _, _, _, info = env.step(int(np.flatnonzero(info["action_mask"])[-1]))
        for name in sums:
            sums[name] += info["reward_terms"][name]
    assert sums["wirelength"] == pytest.approx(info["metrics"]["wirelength"])
    assert sums["congestion"] == pytest.approx(info["metrics"]["rudy"])
