"""The layout of masks, and choices among what they allow."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from sandbox.api import MisfitError, first_allowed, is_allowed, mask_size, only_first, random_allowed
from sandbox.evaluation.rollout import RandomPolicy


@pytest.mark.parametrize(
    ("space", "size", "mask", "expected"),
    [
        (spaces.Discrete(3), 3, [0, 0, 1], 2),
        (spaces.Discrete(3, start=5), 3, [0, 1, 0], 6),
        (spaces.Discrete(3, start=-1), 3, [1, 0, 0], -1),
        (spaces.MultiDiscrete([2, 3]), 5, [0, 1, 0, 0, 1], [1, 2]),
        (spaces.MultiDiscrete([2, 3], start=[4, -1]), 5, [1, 0, 0, 1, 0], [4, 0]),
        (spaces.MultiDiscrete([[2, 2], [2, 3]]), 9, [0, 1, 1, 0, 0, 1, 0, 1, 0], [[1, 0], [1, 1]]),
        (spaces.MultiBinary(2), 4, [0, 1, 1, 0], [1, 0]),
    ],
)
def test_the_single_action_that_a_mask_allows(space, size, mask, expected):
    assert mask_size(space) == size
    allowed = np.array(mask, bool)
    rng = np.random.default_rng(0)
    for actions in (random_allowed(space, allowed[None], rng), first_allowed(space, allowed[None])):
        assert actions.dtype == space.dtype
        assert actions.tolist() == [expected]
        assert space.contains(actions[0] if space.shape else int(actions[0]))
    assert is_allowed(space, allowed[None], [expected]).tolist() == [True]
    policy = RandomPolicy(space)
    policy.reset(1, seed=0)
    assert policy.act(np.zeros((1, 2)), allowed[None]).tolist() == [expected]


@pytest.mark.parametrize(
    "space",
    [spaces.Discrete(4, start=2), spaces.MultiDiscrete([3, 2, 4], start=[1, 0, -2]), spaces.MultiBinary(3)],
)
def test_random_choices_are_allowed_uniform_and_of_the_space(space):
    rng = np.random.default_rng(1)
    mask = only_first(space)[None].repeat(6_000, 0)
    mask[:, -1] = True  # the last choice of the last part beside the first
    actions = random_allowed(space, mask, rng)
    assert is_allowed(space, mask, actions).all()
    last = actions.reshape(len(actions), -1)[:, -1]
    values, counts = np.unique(last, return_counts=True)
    assert len(values) == 2
    assert counts == pytest.approx([3_000, 3_000], abs=200)  # five deviations
    anything = np.array([space.sample() for _ in range(200)])
    forbidden = ~is_allowed(space, mask[:200], anything)
    expected = [bool((np.ravel(row)[:-1] == np.ravel(actions[0])[:-1]).all()) for row in anything]
    ends = np.isin(anything.reshape(200, -1)[:, -1], values)
    assert forbidden.tolist() == (~(np.array(expected) & ends)).tolist()


def test_agents_as_a_second_axis():
    space = spaces.MultiDiscrete([2, 2])
    mask = np.zeros((3, 5, 4), bool)
    mask[..., [1, 2]] = True
    assert first_allowed(space, mask).shape == (3, 5, 2)
    assert (first_allowed(space, mask) == [1, 0]).all()


def test_a_box_has_no_masks():
    with pytest.raises(MisfitError, match="Box have no masks"):
        mask_size(spaces.Box(0, 1, (2,)))


def test_a_mask_without_a_batch_gives_one_action():
    action = first_allowed(spaces.Discrete(3, start=5), np.array([False, True, True]))
    assert action.shape == ()
    assert action == 6
    assert first_allowed(spaces.MultiBinary(2), np.array([1, 0, 0, 1], bool)).tolist() == [0, 1]
