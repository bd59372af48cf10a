"""Conversions: what goes out comes back, and clusters hold what their cells held."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chip_support import netlist

from sandbox.api import InvalidValueError
from sandbox_chip import costs
from sandbox_chip.clustering import MAX_AREA, PREFIX, cluster_cells
from sandbox_chip.convert import write_design
from sandbox_chip.formats.reader import read_files
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Fence, Netlist
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.technology import Technology


def whole_design(cells: int = 60, seed: int = 0) -> Netlist:
    """Three macros (one turned, one fixed), two pads and cells on a canvas of 200 × 100, all placed."""
    rng = np.random.default_rng(seed)
    nodes = [(MACRO, 40, 20), (MACRO, 20, 20), (MACRO, 10, 30), (PAD, 0, 0), (PAD, 0, 0)]
    nodes += [(CELL, 1 + index % 3, 2) for index in range(cells)]
    at = {0: (50.0, 30.0), 1: (120.0, 60.0), 2: (150.0, 20.0), 3: (0.0, 50.0), 4: (200.0, 10.0)}
    at |= {5 + index: (float(rng.integers(1, 199)), float(rng.integers(1, 99))) for index in range(cells)}
    nets: list[list[tuple[int, float, float]]] = [
        [(3, 0, 0), (0, 18, -5), *([(5, 0, 0)] if cells else [])],
        [(0, -10, 5), (1, 3, 4), (2, -2, 7)],
        [(6 if cells else 2, 0, 0), (4, 0, 0)],
    ]
    # Cells are tied to their neighbours in tens.
    for index in range(cells):
        other = index // 10 * 10 + int(rng.integers(10))
        nets.append([(5 + index, 0.25, 0.5), (5 + other, -0.25, 0), (int(rng.integers(3)), 1, 1)])
    drawn = netlist(nodes, nets, at, canvas=(0, 0, 200, 100), fixed=[2])
    return replace(
        drawn,
        net_weight=1.0 + (np.arange(drawn.num_nets) % 3),
        orientation=np.where(np.arange(len(nodes)) == 1, ORIENTATIONS.index("FS"), 0).astype(np.int8),
    )


def hpwl(design: Netlist) -> float:
    return costs.hpwl(design, design.x, design.y)


@pytest.mark.parametrize(
    "way", [("d.def",), ("n.aux",), ("d.def", "n.pb.txt", "e.def", "n.aux"), ("n.aux", "e.def")]
)
def test_a_design_comes_back_from_every_format(tmp_path: Path, way: tuple[str, ...]) -> None:
    design = cluster_cells(whole_design(), 6)
    expected, technology = hpwl(design), Technology(20, 10, 5.0, 6.0, 2.0, 3.0, 1)
    for name in way:
        files = write_design(tmp_path / name, design, technology)
        libraries = [file for file in files if file.suffix == ".lef"]
        placement = next((file for file in files if file.suffix == ".plc"), None)
        design, read_technology = read_files(tmp_path / name, libraries, placement, free_blocks=False)
        if placement is not None:
            assert read_technology == technology
        assert hpwl(design) == pytest.approx(expected, rel=1e-6)
        assert np.bincount(design.kind, minlength=4)[PAD] == 2
        assert design.canvas == (0, 0, 200, 100)
        assert sorted(design.net_weight) == sorted(cluster_cells(whole_design(), 6).net_weight)
        if "n.aux" not in way:  # where a soft macro is a block like others
            assert (design.kind == SOFT).sum() == (cluster_cells(whole_design(), 6).kind == SOFT).sum()
        fixed = {design.nodes[node] for node in np.flatnonzero(design.fixed & (design.kind == MACRO))}
        assert fixed == {"n2"}
        turned = design.orientation[list(design.nodes).index("n1")]
        assert ORIENTATIONS[turned] == "FS"


def test_costs_of_a_written_netlist_are_those_of_its_header(tmp_path: Path) -> None:
    design, technology = cluster_cells(whole_design(), 6), Technology(20, 10, 5.0, 6.0, 2.0, 3.0, 1)
    write_design(tmp_path / "n.pb.txt", design, technology)
    header = dict(
        line[2:].split(" : ", 1)
        for line in (tmp_path / "n.plc").read_text().splitlines()
        if " cost : " in line
    )
    measured = costs.evaluate(design, technology)
    assert float(header["Wirelength cost"]) == round(measured.wirelength, 4)
    assert float(header["Congestion cost"]) == round(measured.congestion, 4)
    assert float(header["Density cost"]) == round(measured.density, 4)


def test_blockages_halos_and_fences_go_along(tmp_path: Path) -> None:
    design = whole_design(0)
    halo = np.zeros((5, 4))
    halo[0] = 1, 2, 3, 4
    fences = (
        Fence("corner", np.array([[0.0, 0.0, 90.0, 50.0], [0.0, 50.0, 40.0, 90.0]]), frozenset({"n0"}), True),
    )
    design = replace(design, halo=halo, fences=fences, blockages=np.array([[10.0, 60.0, 30.0, 80.0]]))
    files = write_design(tmp_path / "d.def", design)
    again, _ = read_files(tmp_path / "d.def", files[1:])
    assert again.halo is not None
    assert again.halo[0].tolist() == [1, 2, 3, 4]
    assert again.blockages.tolist() == [[10, 60, 30, 80]]
    (fence,) = again.fences
    assert (fence.boxes.tolist(), fence.nodes, fence.exclusive) == (fences[0].boxes.tolist(), {"n0"}, True)
    _, plc = write_design(tmp_path / "n.pb.txt", design)
    assert read_files(tmp_path / "n.pb.txt", (), plc)[0].blockages.tolist() == [[10, 60, 30, 80]]


def test_a_cell_that_comes_first_in_two_nets_drives_both_through_other_pins(tmp_path: Path) -> None:
    nodes = [(CELL, 1, 1), (CELL, 1, 1), (CELL, 1, 1), (MACRO, 5, 5)]
    nets = [[(0, 0, 0), (1, 0, 0)], [(0, 0, 0), (2, 0, 0), (3, 1, 0)]]
    design = netlist(nodes, nets, {0: (10, 10), 1: (20, 10), 2: (10, 40), 3: (70, 10)})
    _, plc = write_design(tmp_path / "n.pb.txt", design)
    again, _ = read_files(tmp_path / "n.pb.txt", (), plc)
    assert again.num_nets == 2
    assert hpwl(again) == hpwl(design)


# Clusters


def test_clusters_hold_the_area_of_their_cells_and_lie_at_their_centre() -> None:
    design = whole_design()
    clustered = cluster_cells(design, 6)
    soft = clustered.kind == SOFT
    assert all(clustered.nodes[node].startswith(PREFIX) for node in np.flatnonzero(soft))
    cells = design.kind == CELL
    area = clustered.width[soft] * clustered.height[soft]
    cell_area = design.width[cells] * design.height[cells]
    assert area.sum() == pytest.approx(cell_area.sum())
    assert area.max() <= MAX_AREA * cell_area.sum() / 6
    centre = (clustered.x[soft] * area).sum() / area.sum()
    assert centre == pytest.approx((design.x[cells] * cell_area).sum() / cell_area.sum())
    # Macros and pads are as they were.
    assert clustered.nodes[:5] == design.nodes[:5]
    for name in ("kind", "fixed", "width", "height", "x", "y", "orientation"):
        np.testing.assert_array_equal(getattr(clustered, name)[:5], getattr(design, name)[:5])


def test_cells_that_are_tied_to_each_other_come_together() -> None:
    # Two groups of five cells, each a clique; one net between them.
    nodes = [(CELL, 1, 1)] * 10 + [(MACRO, 5, 5)]
    groups = (range(5), range(5, 10))
    nets = [[(a, 0, 0), (b, 0, 0)] for group in groups for a in group for b in group if a < b]
    nets += [[(0, 0, 0), (5, 0, 0)], [(0, 0, 0), (10, 0, 0)]]
    at = {node: (10.0 if node < 5 else 90.0, 50.0) for node in range(10)} | {10: (50.0, 50.0)}
    clustered = cluster_cells(netlist(nodes, nets, at), 2)
    assert sorted(clustered.x.tolist()) == [10, 50, 90]
    assert clustered.num_nets == 2


def test_the_wirelength_between_clusters_is_that_of_cells_at_their_centres() -> None:
    design = whole_design()
    clustered = cluster_cells(design, 60)
    assert (clustered.kind == SOFT).sum() == 60  # nothing to gather: every cell is a soft macro of its own
    centred = replace(design, pin_x=design.pin_x.copy(), pin_y=design.pin_y.copy())
    of_cells = design.kind[design.pin_node] == CELL
    centred.pin_x[of_cells], centred.pin_y[of_cells] = 0.0, 0.0
    assert hpwl(clustered) == pytest.approx(hpwl(centred))


def test_nets_between_the_same_ends_become_one_of_their_summed_weight() -> None:
    nodes = [(CELL, 1, 1), (CELL, 1, 1), (MACRO, 5, 5)]
    nets = [[(0, 0, 0), (2, 1, 0)], [(1, 0, 0), (2, 1, 0)], [(0, 0, 0), (1, 0, 0)]]
    drawn = netlist(nodes, nets, {0: (10, 10), 1: (20, 10), 2: (70, 10)}, weights=[2.0, 3.0, 5.0])
    shared = replace(drawn, net_pins=np.array([0, 1, 2, 1, 4, 5]))  # both end at the macro's one pin
    clustered = cluster_cells(shared, 1)
    assert clustered.net_weight.tolist() == [5]
    assert hpwl(clustered) == 5 * (71 - 15)


def test_the_same_seed_gives_the_same_clusters_and_macros_alone_are_left_as_they_are() -> None:
    first, second = cluster_cells(whole_design(), 6, 1), cluster_cells(whole_design(), 6, 1)
    np.testing.assert_array_equal(first.x, second.x)
    design = whole_design(0)
    assert cluster_cells(design, 3) is design


# The command


def sandbox(*arguments: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "sandbox.cli.main", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_the_command_converts_and_says_what_it_wrote(tmp_path: Path) -> None:
    design = whole_design()
    write_design(tmp_path / "d.def", design)
    out = tmp_path / "n.pb.txt"
    options = ("--lef", str(tmp_path / "d.lef"), "--clusters", "6", "--columns", "20", "--rows", "10")
    document = sandbox("chip", "convert", str(tmp_path / "d.def"), str(out), *options)
    assert document["files"] == [str(out), str(tmp_path / "n.plc")]
    assert (document["before"]["standard cells"], document["after"]["standard cells"]) == (60, 0)
    # Six groups of cells that nothing but macros joins, each at least one soft macro.
    assert 6 <= document["after"]["soft macros"] <= 12
    assert document["before"]["hpwl"] == pytest.approx(hpwl(design))
    # What was written is a design that agents place.
    config = ("--set", f"netlist={out}", "--set", f"placement={tmp_path / 'n.plc'}", "--set", "grid=20")
    played = sandbox("eval", "initial", "greedy", "--scenario", "chip", *config, "--episodes", "1")
    agents = played["evaluation"]["agents"]
    assert agents["initial"]["metrics"]["hpwl"] == pytest.approx(document["after"]["hpwl"])
    assert agents["greedy"]["metrics"]["placed"] == 1


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="not a kind of design that can be written"):
        write_design(tmp_path / "a.gds", whole_design(0))
    document = sandbox("chip", "convert", str(tmp_path / "no.aux"), str(tmp_path / "a.def"), code=2)
    assert "there is no such file" in document["error"]["message"]
    document = sandbox("chip", "explode", code=2)
    assert "explode" in document["error"]["message"]
