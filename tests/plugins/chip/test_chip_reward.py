"""Reward terms: values worked out by hand, presets, and a term that is added in one place."""

from __future__ import annotations

import numpy as np
import pytest
from chip_support import design as chip_design
from chip_support import two_macros

from sandbox.api import RewardSpec, RewardTerm
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import initial_state, place_next
from sandbox_chip.env import make, make_vec
from sandbox_chip.problem import build_problem
from sandbox_chip.reward import PRESETS, TERMS, Transition
from sandbox_chip.technology import Technology

SMALL = {"grid": 12, "macros_min": 5, "macros_max": 7}


def test_terms_of_a_step_are_the_growths_in_their_units() -> None:
    design, spec = two_macros(), PRESETS["wirelength"]
    state = initial_state(design.problem)
    # A at (0, 0): see the tests of the dynamics for the growths.
    first = Transition(design, state, place_next(design.problem, state, 0, 0.8), None)
    values = spec(first).terms
    assert values["wirelength"] == pytest.approx(140 / 240)
    assert values["density"] == pytest.approx(80 / 500)
    assert values["congestion"] == first.step.rudy_peak
    assert (values["dead_end"], values["proxy"]) == (0, 0)
    assert spec(first).total == pytest.approx(-10 * 140 / 240)
    # B at (3, 3) ends the episode.
    metrics = {"proxy": 1.25, "total_wirelength": 0.5}
    last = Transition(design, state, place_next(design.problem, state, 15, 0.8), metrics)
    values = spec(last).terms
    assert values["wirelength"] == 0
    assert values["density"] == pytest.approx(20 / 500)
    assert (values["dead_end"], values["proxy"]) == (0, 1.25)
    assert PRESETS["proxy"](last).total == -1.25
    assert values["total"] == 0.5
    assert PRESETS["total"](last).total == -5


def test_the_dead_end_term_is_the_share_of_macros_left() -> None:
    nets = [[(0, 0, 0), (1, 0, 0), (2, 0, 0)]]
    sizes = [(30.0, 20.0), (20.0, 20.0), (10.0, 10.0)]
    problem = build_problem(chip_design(sizes, [], nets, 40.0), 4)
    state = initial_state(problem)
    # A bar across the middle rows leaves no square of 2 × 2 cells: two of three macros are not placed.
    step = place_next(problem, state, 4, 0.8)
    metrics = {"proxy": 2.0, "total_wirelength": 1.0}
    transition = Transition(Design(problem, Technology(), np.zeros((3, 2))), state, step, metrics)
    values = PRESETS["wirelength"](transition).terms
    assert values["dead_end"] == pytest.approx(2 / 3)
    assert values["wirelength"] == 1
    assert PRESETS["wirelength"](transition).total == pytest.approx(-10 - 4 / 3)


def test_the_congestion_terms_of_an_episode_add_up_to_the_growth_of_the_peak() -> None:
    design = two_macros()
    state = initial_state(design.problem)
    start = state.rudy_peak
    growths = [
        PRESETS["wirelength"](
            Transition(design, state, place_next(design.problem, state, a, 0.8), None)
        ).terms
        for a in (0, 15)
    ]
    # From the pads alone (which have no extent) to the peak of the test of the dynamics.
    assert sum(terms["congestion"] for terms in growths) == pytest.approx(state.rudy_peak - start)
    assert state.rudy_peak == pytest.approx(0.2 * 1600 / 240)


def test_every_preset_holds_all_terms_and_punishes_dead_ends() -> None:
    names = ["wirelength", "density", "congestion", "dead_end", "proxy", "total"]
    assert [term.name for term in TERMS] == names
    for spec in PRESETS.values():
        assert [term.name for term in spec.terms] == names
        assert spec.weights["dead_end"] == -2
    assert PRESETS["wirelength"].weights["wirelength"] == -10
    assert PRESETS["proxy"].weights == dict.fromkeys(names, 0.0) | {"proxy": -1, "dead_end": -2}
    assert PRESETS["total"].weights == dict.fromkeys(names, 0.0) | {"total": -10, "dead_end": -2}
    weights = PRESETS["wirelength-congestion"].weights
    assert (weights["wirelength"], weights["congestion"], weights["density"]) == (-10, -0.5, -0.5)


def columns_used(transition: Transition) -> float:
    """Greatest column of any lower-left corner, a term that no other file knows."""
    placed = transition.state.places[: transition.state.num_placed]
    return float(placed[:, 0].max())


def test_a_term_is_a_function_of_a_transition_and_a_row_and_nothing_else() -> None:
    spec = RewardSpec((*TERMS, RewardTerm("columns", columns_used, -3.0, "1")))
    config = ChipConfig(**SMALL)
    single, vector = make(config, spec), make_vec(config, spec, 2)
    _, info = single.reset(seed=4)
    vector.reset(seed=[4, 5])
    for _ in range(3):
        action = int(np.flatnonzero(info["action_mask"])[-1])
        _, reward, _, _, info = single.step(action)
        expected = single.core.episode.state.places[: single.core.episode.state.num_placed, 0].max()
        assert info["reward_terms"]["columns"] == expected
        assert reward == pytest.approx(-3 * expected)
        _, rewards, _, _, infos = vector.step([action, 0])
        assert infos["reward_terms"]["columns"][0] == expected
        assert rewards[0] == reward
