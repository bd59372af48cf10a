"""Spaces of several parts become what algorithms take, and their actions what the environment takes."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from sandbox.api import MisfitError
from sandbox.external.spaces import action_form, flat_mask, observation_form


def test_choices_of_nested_parts_are_one_choice_and_come_back_as_they_were_nested():
    space = spaces.Dict(
        go=spaces.Discrete(3, start=1),
        rest=spaces.Tuple((spaces.MultiDiscrete([[2, 3], [4, 5]]), spaces.MultiBinary(2))),
    )
    flat, convert = action_form(space, "x")
    assert flat == spaces.MultiDiscrete([3, 2, 3, 4, 5, 2, 2], start=[1, 0, 0, 0, 0, 0, 0])
    action = convert(np.array([3, 1, 2, 3, 4, 0, 1]))
    assert action["go"] == 3
    assert action["rest"][0].tolist() == [[1, 2], [3, 4]]
    assert action["rest"][1].tolist() == [0, 1]
    assert space.contains(action)


def test_numbers_of_nested_parts_are_one_box():
    space = spaces.Tuple((spaces.Box(-1.0, 1.0, (2, 2)), spaces.Box(0.0, 5.0, (1,), np.float64)))
    flat, convert = action_form(space, "x")
    assert flat == spaces.Box(np.float32([-1, -1, -1, -1, 0]), np.float32([1, 1, 1, 1, 5]))
    action = convert(np.array([0, 0.5, -0.5, 1, 4], np.float32))
    assert action[0].tolist() == [[0, 0.5], [-0.5, 1]]
    assert action[1].dtype == np.float64
    assert space.contains(action)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_sampled_is_taken(seed):
    space = spaces.Dict(a=spaces.Discrete(4, start=-2), b=spaces.MultiDiscrete([3, 2], start=[5, 0]))
    flat, convert = action_form(space, "x")
    flat.seed(seed)
    assert space.contains(convert(flat.sample()))


def test_observations_of_nested_parts_are_one_dictionary():
    space = spaces.Dict(
        arm=spaces.Dict({"angle.x": spaces.Box(-1, 1, (2,))}),
        seen=spaces.Tuple((spaces.Discrete(3), spaces.MultiBinary(2))),
    )
    flat, convert = observation_form(space, "x")
    assert list(flat.spaces) == ["arm_angle_x", "seen_0", "seen_1"]
    value = {"arm": {"angle.x": np.array([0.5, 1.0])}, "seen": (2, np.array([0, 1], np.int8))}
    assert flat.contains(convert(value))


def test_masks_of_parts_are_put_side_by_side():
    nested = {"a": [True, False], "b": ([1, 0, 1], np.array([[0, 1], [1, 1]]))}
    assert flat_mask(nested).astype(int).tolist() == [1, 0, 1, 0, 1, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1, (1,)))), "neither all choices nor all numbers"),
        (spaces.Text(5), "neither all choices nor all numbers"),
    ],
)
def test_actions_that_no_algorithm_gives_are_refused(space, message):
    with pytest.raises(MisfitError, match=message):
        action_form(space, "x")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(5), "x observes Text"),
        (spaces.Dict(words=spaces.Text(5)), "x observes 'words' as Text"),
        (
            spaces.Dict({"a_b": spaces.Discrete(2), "a": spaces.Dict(b=spaces.Discrete(2))}),
            "of the same name",
        ),
    ],
)
def test_observations_that_no_algorithm_takes_are_refused(space, message):
    with pytest.raises(MisfitError, match=message):
        observation_form(space, "x")
