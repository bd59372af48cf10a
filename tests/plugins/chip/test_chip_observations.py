"""What an agent sees of a placement that is worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from chip_support import generated, occupied_cells, two_macros
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip import observations as obs
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import PlacementState, initial_state, place_next
from sandbox_chip.placers.quadratic import quadratic_targets
from sandbox_chip.technology import Technology

CURRENT = obs.SHARED_PLANES
"""First plane of orientation choice 0."""


def observe(design: Design, state: PlacementState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planes, features and mask, written over arrays that hold something else."""
    grid, choices = design.problem.grid, design.problem.num_choices
    planes = np.full((obs.num_planes(choices), grid, grid), 0.7, np.float32)
    features = np.full(obs.NUM_FEATURES, 0.7, np.float32)
    mask = np.ones(choices * grid * grid, bool)
    obs.observe(design, state, planes, features, mask)
    return planes, features, mask


def after(actions: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    design = two_macros()
    state = initial_state(design.problem)
    for action in actions:
        place_next(design.problem, state, action, 0.8)
    return observe(design, state)


def test_there_are_five_planes_and_three_for_each_orientation() -> None:
    assert [obs.num_planes(choices) for choices in (1, 4, 8)] == [8, 17, 29]


def test_before_the_first_macro_nothing_is_occupied_and_all_that_fits_is_legal() -> None:
    planes, features, mask = after([])
    assert planes[obs.OCCUPIED].sum() == 0
    # A is 2 × 2 cells: its corner may lie in columns and rows 0 to 2.
    legal = np.zeros((4, 4))
    legal[:3, :3] = 1
    np.testing.assert_array_equal(planes[CURRENT + obs.LEGAL], legal)
    np.testing.assert_array_equal(mask, legal.ravel().astype(bool))
    np.testing.assert_array_equal(planes[obs.NEXT_LEGAL], np.ones((4, 4)))
    assert features[0] == 0  # of the macros are placed
    assert features[1] == 0  # wirelength
    assert features[5] == 1  # of the cells are free
    assert features[8] == pytest.approx(9 / 16)


def test_contact_is_the_share_of_the_footprints_border_that_touches_something() -> None:
    planes, _, _ = after([0])
    # B is one cell with eight neighbours. A occupies columns and rows 0 and 1.
    occupied = np.zeros((4, 4))
    occupied[:2, :2] = 1
    np.testing.assert_array_equal(planes[obs.OCCUPIED], occupied)
    contact = planes[obs.CONTACT]
    assert contact[0, 2] == pytest.approx((3 + 2) / 8)  # below the canvas three, to the left A's two cells
    assert contact[3, 3] == pytest.approx(5 / 8)  # a corner of the canvas
    assert contact[2, 2] == pytest.approx(1 / 8)  # A's corner
    assert contact[3, 1] == pytest.approx(3 / 8)  # the upper edge
    # A itself, of 2 × 2 cells with twelve around: in the corner seven lie outside, in the middle none.
    planes, _, _ = after([])
    assert planes[obs.CONTACT][0, 0] == pytest.approx(7 / 12)
    assert planes[obs.CONTACT][1, 1] == 0


def test_the_wire_mask_is_the_root_of_the_growths_share_of_its_range() -> None:
    planes, features, _ = after([0])
    # B's net spans [10, 40] × [10, 40] with weight 2; B's centres are at 5, 15, 25, 35. In column 0 or row 0
    # it grows by 2 · 5, elsewhere not at all.
    growth = np.zeros((4, 4))
    growth[:, 0] += 10
    growth[0, :] += 10
    np.testing.assert_allclose(planes[CURRENT + obs.WIRE_MASK], np.sqrt(growth / 20), atol=1e-6)
    assert features[6] == pytest.approx(20 / 240 * 2 / 2)
    # No other macro is to come, so that the expected one is the same.
    np.testing.assert_array_equal(planes[CURRENT + obs.EXPECTED_WIRE_MASK], planes[CURRENT + obs.WIRE_MASK])


def test_the_expected_wire_mask_counts_macros_to_come_at_their_expected_centres() -> None:
    planes, features, _ = after([])
    # A's corner in columns 0 to 2 puts its centre at 10, 20, 30. Net 0 grows by the distance from 0. Net 1,
    # of weight 2, spans [30, 40] × [20, 40] with B at (30, 20).
    along_x = np.array([10 + 2 * 20, 20 + 2 * 10, 30])
    along_y = np.array([10 + 2 * 10, 20, 30])
    growth = along_x[None] + along_y[:, None]
    share = (growth - 50) / (80 - 50)
    expected = np.full((4, 4), obs.OUTSIDE)
    expected[:3, :3] = np.sqrt(share)
    np.testing.assert_allclose(planes[CURRENT + obs.EXPECTED_WIRE_MASK], expected, atol=1e-6)
    assert features[7] == pytest.approx(30 / 240 * 2 / 2)
    # Without B net 1 is the pad at (40, 40): twice 30, 20, 10.
    along = np.array([10 + 60, 20 + 40, 30 + 20])
    growth = along[None] + along[:, None]
    expected[:3, :3] = np.sqrt((growth - 100) / 40)
    np.testing.assert_allclose(planes[CURRENT + obs.WIRE_MASK], expected, atol=1e-6)


def test_the_next_macros_wire_mask_is_shown_beside() -> None:
    planes, features, _ = after([])
    # B's net holds the pad at (40, 40): twice the distance of 5, 15, 25, 35 from 40.
    along = 2.0 * (40 - np.array([5, 15, 25, 35]))
    growth = along[None] + along[:, None]
    np.testing.assert_allclose(planes[obs.NEXT_WIRE_MASK], np.sqrt((growth - 20) / (140 - 20)), atol=1e-6)
    np.testing.assert_allclose(features[15:], [1 / 4, 1 / 4, 100 / 1600])


def test_rudy_is_shown_over_its_greatest_value() -> None:
    planes, features, _ = after([0, 15])
    # See the test of the dynamics: cell (0, 0) has 0.2, nine cells 4/30, in units of 240 / 1600.
    expected = np.zeros((4, 4))
    expected[0, 0], expected[1:, 1:] = 1, (4 / 30) / 0.2
    np.testing.assert_allclose(planes[obs.RUDY], expected, atol=1e-6)
    assert features[3] == pytest.approx(0.2 * 1600 / 240 / 4)


def test_features_describe_progress_and_the_current_macro() -> None:
    _, features, _ = after([0])
    np.testing.assert_allclose(
        features,
        [
            1 / 2,  # of the macros are placed
            140 / 240 * 4,  # wirelength
            140 / 240 * 4,  # with B at its expected centre (30, 20), inside the box of its net
            features[3],
            100 / 1600,  # area to come
            12 / 16,  # free cells
            20 / 240,
            20 / 240,
            12 / 16,  # legal cells
            1 / 4,  # width
            1 / 4,  # height
            1 / 1.5 / 4,  # one net where the mean is one and a half
            1,  # its net has begun
            30 / 40,  # expected centre
            20 / 40,
            0,  # no next macro
            0,
            0,
        ],
        rtol=1e-6,
    )
    assert after([])[1][2] == pytest.approx(
        (20 + 20 + 2 * (20 + 20)) / 240 * 4
    )  # A at (20, 20), B at (30, 20)


def test_when_the_placement_is_over_no_action_is_legal() -> None:
    planes, features, mask = after([0, 15])
    assert not mask.any()
    assert planes[obs.CONTACT :].sum() == 0
    assert features[0] == 1
    assert features[4] == 0
    assert (features[6:] == 0).all()
    assert planes[obs.OCCUPIED].sum() == 5


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(0, 6), orientation=st.sampled_from(["mirror", "any"]))
def test_every_orientations_planes_and_mask_agree(seed: int, steps: int, orientation: str) -> None:
    problem = generated(seed, 12, orientation, macros=7)
    design = Design(problem, Technology(), quadratic_targets(problem))
    state, rng = initial_state(problem), np.random.default_rng(seed)
    for _ in range(steps):
        if not state.over:
            place_next(problem, state, int(rng.integers(144)), 0.8)
    planes, features, mask = observe(design, state)
    assert planes.min() >= 0
    assert planes.max() <= 1
    assert np.isfinite(features).all()
    occupied = occupied_cells(problem, state.places)
    np.testing.assert_array_equal(planes[obs.OCCUPIED], occupied > 0)
    if state.over:
        return
    for k in range(problem.num_choices):
        first = obs.SHARED_PLANES + obs.PLANES_PER_ORIENTATION * k
        legal = planes[first + obs.LEGAL] > 0
        np.testing.assert_array_equal(mask.reshape(-1, 12, 12)[k], legal)
        width, height = (
            problem.arrays.footprint_w[k, state.num_placed],
            problem.arrays.footprint_h[k, state.num_placed],
        )
        outside = np.ones((12, 12), bool)
        outside[: 12 - height + 1, : 12 - width + 1] = False
        for plane in (planes[first + obs.WIRE_MASK], planes[first + obs.EXPECTED_WIRE_MASK]):
            assert (plane[outside] == obs.OUTSIDE).all()
            assert plane.min() == 0
        assert not legal[outside].any()
