"""A space written as JSON comes back the same, and a damaged description is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sandbox.api import DamagedRunError, MisfitError
from sandbox.api.spaces import describe, space_from_json, space_to_json

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)


@st.composite
def boxes(draw: st.DrawFn) -> spaces.Box:
    dtype = draw(st.sampled_from(FLOATS + INTEGERS))
    shape = draw(SHAPES)
    if np.dtype(dtype).kind == "f":
        elements = hnp.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=True)
    else:
        limits = np.iinfo(dtype)
        elements = st.integers(int(limits.min), int(limits.max) - 1)
    values = [
        np.asarray(draw(hnp.arrays(dtype, shape, elements=elements, fill=st.nothing()))) for _ in range(2)
    ]
    low, high = np.minimum(*values), np.maximum(*values)
    if np.dtype(dtype).kind == "f":  # +inf as a lower bound, -inf as an upper one are no box
        low = np.where(low == np.inf, 0, low).astype(dtype)
        high = np.where(high == -np.inf, np.where(low == -np.inf, 0, high), high).astype(dtype)
        high = np.maximum(low, high)
    return spaces.Box(low, high, shape, dtype)


def discretes() -> st.SearchStrategy[spaces.Discrete]:
    return st.builds(
        lambda n, start, dtype: spaces.Discrete(n, start=start, dtype=dtype),
        st.integers(1, 100),
        st.integers(-20, 20),
        st.sampled_from([np.int64, np.int32]),
    )


def multi_discretes() -> st.SearchStrategy[spaces.MultiDiscrete]:
    return hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=4), elements=st.integers(1, 50)).map(
        lambda nvec: spaces.MultiDiscrete(nvec, start=nvec % 3)
    )


multi_binaries = st.one_of(
    st.integers(1, 20).map(spaces.MultiBinary),
    st.lists(st.integers(1, 4), min_size=1, max_size=3).map(spaces.MultiBinary),
)
leaves = st.one_of(boxes(), discretes(), multi_discretes(), multi_binaries)
trees = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(spaces.Tuple),
        st.lists(st.tuples(st.text(max_size=4), parts), min_size=1, max_size=3, unique_by=lambda p: p[0]).map(
            spaces.Dict
        ),
    ),
    max_leaves=6,
)


def assert_same(first: Any, second: Any) -> None:
    """Equality that, unlike Gymnasium's, forgives no rounding of bounds."""
    assert type(first) is type(second)
    if isinstance(first, spaces.Box):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        for name in ("low", "high", "bounded_below", "bounded_above"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    elif isinstance(first, spaces.Dict):
        assert list(first.spaces) == list(second.spaces)
        for key in first.spaces:
            assert_same(first[key], second[key])
    elif isinstance(first, spaces.Tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second
        assert first.dtype == second.dtype


@given(trees)
def test_every_space_survives_strict_json_exactly(space: Any) -> None:
    text = json.dumps(space_to_json(space), allow_nan=False)
    assert_same(space, space_from_json(json.loads(text)))


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_an_unbounded_box_stays_unbounded_and_samples_the_same(dtype: Any) -> None:
    space = spaces.Box(-np.inf, np.inf, (3,), dtype)
    back = space_from_json(space_to_json(space))
    assert_same(space, back)
    space.seed(1)
    back.seed(1)
    np.testing.assert_array_equal(space.sample(), back.sample())


def test_uniform_bounds_are_written_once() -> None:
    document = space_to_json(spaces.Box(0, 255, (84, 84, 4), np.uint8))
    assert document == {"type": "Box", "shape": [84, 84, 4], "dtype": "uint8", "low": 0, "high": 255}


def test_infinities_are_strings() -> None:
    document = space_to_json(
        spaces.Box(np.array([-np.inf, 0], np.float32), np.array([1, np.inf], np.float32))
    )
    assert (document["low"], document["high"]) == (["-inf", 0.0], [1.0, "inf"])


def test_the_order_of_dict_keys_is_kept() -> None:
    space = spaces.Dict([("z", spaces.Discrete(2)), ("a", spaces.Discrete(3))])
    assert list(space_from_json(json.loads(json.dumps(space_to_json(space), sort_keys=True))).spaces) == [
        "z",
        "a",
    ]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"type": "Graph"},
        {"type": "Discrete", "n": 0, "start": 0, "dtype": "int64"},
        {"type": "Discrete", "n": 2.5, "start": 0, "dtype": "int64"},
        {"type": "Discrete", "n": 2, "start": 0, "dtype": "float32"},
        {"type": "Discrete", "n": 2, "start": 0, "dtype": "nonsense"},
        {"type": "Discrete", "n": 300, "start": 0, "dtype": "int8"},
        {"type": "MultiDiscrete", "nvec": [2, "x"], "start": [0, 0], "dtype": "int64"},
        {"type": "MultiDiscrete", "nvec": [2, 3], "start": [0], "dtype": "int64"},
        {"type": "MultiDiscrete", "nvec": [2, 300], "start": [0, 0], "dtype": "int8"},
        {"type": "MultiBinary", "n": -1},
        {"type": "Box", "shape": [2], "dtype": "float32", "low": [0], "high": 1},
        {"type": "Box", "shape": [2], "dtype": "float32", "low": 2, "high": 1},
        {"type": "Box", "shape": [2], "dtype": "float32", "low": float("nan"), "high": 1},
        {"type": "Box", "shape": [2], "dtype": "float32", "low": "low", "high": 1},
        {"type": "Box", "shape": [2], "dtype": "object", "low": 0, "high": 1},
        {"type": "Box", "shape": [2], "dtype": "uint8", "low": 0, "high": 1.5},
        {"type": "Box", "shape": [2], "dtype": "uint8", "low": 0, "high": 256},
        {"type": "Box", "shape": [2], "dtype": "int8", "low": 0, "high": 2**70},
        {"type": "Box", "shape": [100_000, 100_000, 100_000], "dtype": "float32", "low": 0, "high": 1},
        {"type": "Box", "shape": [-1], "dtype": "float32", "low": 0, "high": 1},
        {"type": "Dict", "spaces": {"a": {}}},
        {"type": "Dict", "spaces": [["a"]]},
        {"type": "Dict", "spaces": [[1, {"type": "MultiBinary", "n": 2}]]},
        {"type": "Dict", "spaces": [["a", {"type": "MultiBinary", "n": 2}]] * 2},
        {"type": "Tuple", "spaces": [{"type": "Tuple"}]},
    ],
)
def test_a_damaged_description_is_refused_in_a_sentence(document: Any) -> None:
    with pytest.raises(DamagedRunError, match="The description of a space is damaged"):
        space_from_json(document)


def test_a_description_nested_too_deeply_is_refused() -> None:
    document: dict[str, Any] = {"type": "MultiBinary", "n": 2}
    for _ in range(500):
        document = {"type": "Tuple", "spaces": [document]}
    with pytest.raises(DamagedRunError, match="nested too deeply"):
        space_from_json(document)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
def test_nonsense_bounds_never_escape_as_another_error(value: Any) -> None:
    document = {"type": "Box", "shape": [2], "dtype": "float32", "low": value, "high": 1}
    try:
        assert isinstance(space_from_json(document), spaces.Box)
    except DamagedRunError as error:
        assert "damaged" in error.message  # noqa: PT017 - either outcome is right


def test_a_space_that_cannot_be_saved_is_a_misfit() -> None:
    with pytest.raises(MisfitError, match="Text"):
        space_to_json(spaces.Text(5))


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (spaces.Discrete(4), "one of 4 choices (0 to 3)"),
        (spaces.Discrete(3, start=1), "one of 3 choices (1 to 3)"),
        (spaces.Box(-1, 1, (3,)), "3 numbers in [-1, 1]"),
        (spaces.Box(-np.inf, np.inf, (1,)), "1 number of any size"),
        (spaces.Box(0, np.inf, (2, 5)), "2 × 5 numbers in [0, ∞)"),
        (spaces.Box(np.array([0, -2], np.float32), np.array([1, 4], np.float32)), "2 numbers within [-2, 4]"),
        (spaces.Box(0, 255, (8, 8), np.uint8), "8 × 8 whole numbers in [0, 255]"),
        (spaces.MultiDiscrete([3, 3]), "2 choices among 3 each"),
        (spaces.MultiDiscrete([3, 4]), "2 choices among 3, 4"),
        (spaces.MultiBinary(6), "6 yes-or-no values"),
        (
            spaces.Dict([("phase", spaces.Discrete(2)), ("queue", spaces.Box(0, 1, (2,)))]),
            "{phase: one of 2 choices (0 to 1); queue: 2 numbers in [0, 1]}",
        ),
        (spaces.Tuple([spaces.Discrete(2)]), "(one of 2 choices (0 to 1))"),
    ],
)
def test_spaces_are_described_in_words(space: Any, words: str) -> None:
    assert describe(space) == words
