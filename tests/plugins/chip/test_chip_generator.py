"""Generated designs: sizes, nets and pads of every family, and what a seed repeats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip.config import FAMILIES, ChipConfig
from sandbox_chip.designs import DesignSource
from sandbox_chip.fit import packs
from sandbox_chip.generator import SIDE, Recipe, generate, generate_problem
from sandbox_chip.netlist import MACRO, PAD, Netlist


def nodes_of_nets(netlist: Netlist) -> list[list[int]]:
    node = netlist.pin_node[netlist.net_pins]
    return [
        node[start:end].tolist()
        for start, end in zip(netlist.net_start[:-1], netlist.net_start[1:], strict=True)
    ]


def test_designs_follow_their_seed_and_recipe() -> None:
    recipe = Recipe("heavy", (20, 20), (0.5, 0.5), grid=32)
    first, same, other = generate(recipe, 7), generate(recipe, 7), generate(recipe, 8)
    assert (first.pin_x == same.pin_x).all()
    assert (first.net_pins == same.net_pins).all()
    assert len(first.pin_x) != len(other.pin_x) or (first.pin_x != other.pin_x).any()
    assert first.utilisation <= 0.5 + 1e-9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), family=st.sampled_from(FAMILIES))
def test_every_design_keeps_to_its_recipe(seed: int, family: str) -> None:
    recipe = Recipe(family, (6, 14), (0.35, 0.55), grid=24)
    problem = generate_problem(recipe, seed)[1]
    netlist = problem.netlist
    macros = netlist.kind == MACRO
    assert 6 <= macros.sum() <= 14
    assert packs(problem)
    assert netlist.utilisation <= 0.55 + 1e-9
    # Pads are points on the rim, and fixed; macros have no place yet.
    pads = netlist.kind == PAD
    on_rim = np.isin(netlist.x, (0, SIDE)) | np.isin(netlist.y, (0, SIDE))
    assert on_rim[pads].all()
    assert netlist.fixed.tolist() == pads.tolist()
    assert np.isnan(netlist.x[macros]).all()
    # Pins lie on the sides of their macros.
    of_macro = macros[netlist.pin_node]
    half_w, half_h = netlist.width[netlist.pin_node] / 2, netlist.height[netlist.pin_node] / 2
    on_side = np.isclose(np.abs(netlist.pin_x), half_w) | np.isclose(np.abs(netlist.pin_y), half_h)
    inside = (np.abs(netlist.pin_x) <= half_w + 1e-9) & (np.abs(netlist.pin_y) <= half_h + 1e-9)
    assert (on_side & inside)[of_macro].all()
    # Every net joins different nodes, among them a macro; no net is lost when macros and pads alone are kept.
    for nodes in nodes_of_nets(netlist):
        assert len(nodes) >= 2
        assert len(set(nodes)) == len(nodes)
        assert macros[nodes].any()
    assert netlist.macros_only().num_nets == netlist.num_nets


@pytest.mark.parametrize(
    ("macros", "rent", "pads"), [(16, 0.3, 9), (16, 0.65, 24), (16, 0.9, 48), (2, 0.3, 4)]
)
def test_the_number_of_pads_is_rents_rule_for_the_whole_design(macros: int, rent: float, pads: int) -> None:
    # 4 · mᵖ, rounded down: 4 · 16^0.3 = 9.2, 4 · 16^0.65 = 24.3, 4 · 16^0.9 = 48.5; at least 4.
    netlist = generate(Recipe("blocks", (macros, macros), (0.3, 0.3), rent, 32), 0)
    assert (netlist.kind == PAD).sum() == pads


def test_a_small_exponent_keeps_nets_inside_parts() -> None:
    # The expected nets between two halves of n macros are k · (2 (n/2)ᵖ − nᵖ)/2: more for the small exponent.
    def internal(rent: float) -> float:
        counts = []
        for seed in range(10):
            netlist = generate(Recipe("blocks", (32, 32), (0.3, 0.3), rent, 48), seed)
            pads = netlist.kind == PAD
            counts.append(sum(not pads[nodes].any() for nodes in nodes_of_nets(netlist)))
        return float(np.mean(counts))

    assert internal(0.4) > internal(0.6) > internal(0.8)


def test_tiles_are_equal_squares_on_a_mesh_with_two_nets_to_each_neighbour() -> None:
    netlist = generate(Recipe("tiles", (9, 9), (0.4, 0.4), grid=30), 0)
    macros = netlist.kind == MACRO
    assert np.ptp(netlist.width[macros]) == 0
    assert (netlist.width[macros] == netlist.height[macros]).all()
    # A mesh of 3 × 3 has six pairs side by side and six above each other; six tiles lie in an outer column.
    nets = nodes_of_nets(netlist)
    between = [tuple(nodes) for nodes in nets if macros[nodes].all()]
    assert len(between) == 2 * 12
    assert len(set(between)) == 12
    assert {(0, 1), (1, 2), (0, 3), (5, 8)} <= set(between)
    assert (2, 3) not in between
    assert (netlist.kind == PAD).sum() == len(nets) - 24 == 6


def test_tiles_that_do_not_fill_their_last_row_have_fewer_neighbours() -> None:
    # Five tiles: 0 1 2 and 3 4 above 0 1. Pairs: 01, 12, 34, 03, 14; outer columns: 0, 2, 3.
    netlist = generate(Recipe("tiles", (5, 5), (0.3, 0.3), grid=30), 0)
    assert netlist.num_nets == 2 * 5 + 3


def test_banks_come_in_groups_of_equal_size_and_heavy_sizes_have_a_long_tail() -> None:
    banks = generate(Recipe("banks", (24, 24), (0.4, 0.4), grid=64), 2)
    sizes = {round(float(width), 6) for width in banks.width[banks.kind == MACRO]}
    assert len(sizes) <= 24 // 4
    heavy = generate(Recipe("heavy", (60, 60), (0.4, 0.4), grid=100), 2)
    area = np.sort((heavy.width * heavy.height)[heavy.kind == MACRO])
    assert area[-6:].sum() > 0.25 * area.sum()  # the largest tenth


def test_mixed_designs_are_drawn_from_all_other_families() -> None:
    names = {generate(Recipe("mixed", (6, 6), (0.3, 0.3), grid=24), seed).name for seed in range(40)}
    assert {name.split("-")[0] for name in names} == set(FAMILIES) - {"mixed"}


def test_macros_shrink_until_they_can_be_packed_on_a_coarse_grid() -> None:
    fine = generate(Recipe("blocks", (9, 9), (0.7, 0.7), grid=60), 5)
    coarse = generate(Recipe("blocks", (9, 9), (0.7, 0.7), grid=6), 5)
    macros = fine.kind == MACRO
    ratio = coarse.width[macros] / fine.width[macros]
    assert np.ptp(ratio) < 1e-9
    assert ratio[0] < 1
    # By whole steps, and pins move with the sides.
    steps = np.log(ratio[0]) / np.log(0.94)
    assert steps == pytest.approx(round(steps))
    of_macro = fine.kind[fine.pin_node] == MACRO
    np.testing.assert_allclose(coarse.pin_x[of_macro], fine.pin_x[of_macro] * ratio[0])


def test_a_configuration_says_what_an_episodes_design_is_drawn_from() -> None:
    config = ChipConfig(
        netlist="generated:banks",
        grid=20,
        macros_min=7,
        macros_max=7,
        utilisation_min=0.3,
        utilisation_max=0.3,
        rent=0.3,
    )
    source = DesignSource(config)
    first, again, other = source.design(5), source.design(5), source.design(6)
    assert first.problem.netlist.name == again.problem.netlist.name == "banks-5"
    assert other.problem.netlist.name == "banks-6"
    assert first.problem.num_macros == 7
    assert first.problem.netlist.utilisation == pytest.approx(0.3)
    # The cost grid is the placement grid unless a file or an option says otherwise.
    assert (first.technology.columns, first.technology.rows) == (20, 20)
    changed = DesignSource(config.model_copy(update={"cost_grid": 8, "routes_h": 5.0, "smoothing": 0}))
    technology = changed.design(5).technology
    assert (technology.columns, technology.rows, technology.smoothing) == (8, 8, 0)
    assert (technology.routes_h, technology.routes_v) == (5.0, 74.51)
