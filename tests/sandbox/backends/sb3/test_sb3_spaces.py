"""Every algorithm with every kind of space: it is trained, or refused before anything starts."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from sb3_tasks import ALGORITHMS, trained

from sandbox.training.fit import space_misfits

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
TWO = spaces.Discrete(2)

OBSERVATIONS: dict[str, Any] = {
    "box": BOX,
    "box of doubles": spaces.Box(-1.0, 1.0, (3,), np.float64),
    "box without bounds": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "box of integers": spaces.Box(0, 9, (3,), np.int64),
    "box of two axes": spaces.Box(-1.0, 1.0, (2, 3), np.float32),
    "box that cannot vary": spaces.Box(1.0, 1.0, (3,), np.float32),
    "scalar box": spaces.Box(-1.0, 1.0, (), np.float32),
    "empty box": spaces.Box(-1.0, 1.0, (0,), np.float32),
    "discrete": spaces.Discrete(4),
    "discrete from 5": spaces.Discrete(4, start=5),
    "multi-discrete": spaces.MultiDiscrete([2, 3]),
    "multi-discrete from 1": spaces.MultiDiscrete([2, 3], start=[1, 1]),
    "multi-binary": spaces.MultiBinary(3),
    "multi-binary of two axes": spaces.MultiBinary((2, 2)),
    "dict": spaces.Dict({"a": BOX, "b": spaces.Discrete(3)}),
    "dict with a dot": spaces.Dict({"a.b": BOX, "c": BOX}),
    "nested dict": spaces.Dict({"a": spaces.Dict({"b": BOX})}),
    "empty dict": spaces.Dict({}),
    "tuple": spaces.Tuple((BOX, BOX)),
}
ACTIONS: dict[str, Any] = {
    "box": BOX,
    "box of doubles": spaces.Box(-1.0, 1.0, (2,), np.float64),
    "box with other bounds": spaces.Box(np.array([0, -5], np.float32), np.array([1, 9], np.float32)),
    "box that cannot vary": spaces.Box(np.array([0, -1], np.float32), np.array([0, 1], np.float32)),
    "box without bounds": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "box of integers": spaces.Box(0, 9, (3,), np.int64),
    "box of two axes": spaces.Box(-1.0, 1.0, (2, 2), np.float32),
    "scalar box": spaces.Box(-1.0, 1.0, (), np.float32),
    "empty box": spaces.Box(-1.0, 1.0, (0,), np.float32),
    "discrete": TWO,
    "discrete from 5": spaces.Discrete(3, start=5),
    "discrete of one": spaces.Discrete(1),
    "multi-discrete": spaces.MultiDiscrete([2, 3]),
    "multi-discrete from 1": spaces.MultiDiscrete([2, 3], start=[1, 1]),
    "multi-discrete of two axes": spaces.MultiDiscrete([[2, 3], [2, 2]]),
    "multi-binary": spaces.MultiBinary(3),
    "multi-binary of two axes": spaces.MultiBinary((2, 2)),
    "tuple": spaces.Tuple((TWO, TWO)),
}


class Echo(gym.Env[Any, Any]):
    """Observations are samples of their space; a step pays 1; ends after five steps."""

    def __init__(self, observation_space: Any, action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.steps += 1
        return self.observation_space.sample(), 1.0, self.steps == 5, False, {}


@pytest.mark.parametrize("name", list(ALGORITHMS))
@pytest.mark.filterwarnings("ignore")
def test_a_space_is_trained_or_refused_before_anything_starts(name: str) -> None:
    algorithm = ALGORITHMS[name].plugin
    own_action = BOX if "Box" in algorithm.capabilities.action_spaces else TWO
    cases = [(f"observation: {what}", space, own_action) for what, space in OBSERVATIONS.items()]
    cases += [(f"action: {what}", BOX, space) for what, space in ACTIONS.items()]
    results = {}
    for what, observation, action in cases:
        if space_misfits(algorithm, observation, action):
            results[what] = "refused"
            continue
        try:
            policy = trained(name, lambda o=observation, a=action: Echo(o, a), steps=24, rows=1)
            policy.reset(1, 0)
            sample = observation.sample()
            batch = (
                {key: part[None] for key, part in sample.items()}
                if isinstance(sample, dict)
                else np.asarray(sample)[None]
            )
            chosen = policy.act(batch)[0]
            assert action.contains(np.asarray(chosen, action.dtype) if action.shape else chosen), chosen
            results[what] = "trained"
        except Exception as error:
            results[what] = f"{type(error).__name__}: {error}"[:200]
    failed = {what: result for what, result in results.items() if result not in ("trained", "refused")}
    assert not failed
    assert results["observation: box"] == "trained"
    assert results["action: tuple"] == results["observation: empty box"] == "refused"
