"""Environments that run ahead of each other: whoever is fast, the same training comes out."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_tasks import Corridor, short, trained, vector

from sandbox.api import InvalidValueError, MisfitError
from sandbox.api.ahead import find_ahead
from sandbox.envs.ahead import AheadVectorEnv
from sandbox.envs.workers import WorkerVectorEnv


class Walk(gym.Env[Any, Any]):
    """A random walk whose length depends on the actions; steps may take time.

    Args:
        seed: Of the walk.
        pause: Seconds that a step may take at most, drawn from the clock.
        masked: Whether one of the actions is forbidden now and then.
        continuous: Whether actions are numbers.
    """

    def __init__(
        self, seed: int = 0, pause: float = 0.0, masked: bool = False, continuous: bool = False
    ) -> None:
        self.observation_space = spaces.Box(-10, 10, (3,))
        self.action_space = spaces.Box(-1, 1, (2,)) if continuous else spaces.Discrete(3)
        self.masked, self._pause = masked, pause
        self._rng, self._clock = np.random.default_rng(seed), random.Random(time.time_ns() + seed)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.place, self.steps = self._rng.normal(size=3), 0
        return self._observation(), self._info()

    def step(self, action: Any) -> Any:
        time.sleep(self._clock.random() * self._pause)
        self.place[0] += float(np.sum(action)) - 1 + 0.1 * self._rng.normal()
        self.steps += 1
        return self._observation(), -abs(self.place[0]), abs(self.place[0]) > 4, self.steps == 9, self._info()

    def _observation(self) -> Any:
        return np.clip(self.place, -10, 10).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"action_mask": np.array([True, self.steps % 3 != 0, True])} if self.masked else {}


class Shuffled(gym.vector.SyncVectorEnv):
    """Environments in this process that answer in an order of chance."""

    def __init__(self, makers: list[Callable[[], Any]], seed: int) -> None:
        super().__init__(makers, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)
        self._order = random.Random(seed)
        self._alone = [
            gym.vector.SyncVectorEnv([lambda env=env: env], autoreset_mode=self.metadata["autoreset_mode"])  # type: ignore[misc]
            for env in self.envs
        ]
        self._sent: dict[int, Any] = {}

    def set_apart(self) -> None:
        pass

    def send(self, index: int, action: Any) -> None:
        self._sent[index] = action

    def ready(self) -> list[int]:
        return self._order.sample(sorted(self._sent), self._order.randint(1, len(self._sent)))

    def receive(self, index: int) -> Any:
        return self._alone[index].step(np.asarray([self._sent.pop(index)]))

    def together(self, steps: Any) -> Any:
        info: dict[str, Any] = {}
        for index, step in enumerate(steps):
            one = {
                key: (
                    value[0]
                    if isinstance(value, np.ndarray)
                    else {k: v[0] for k, v in value.items() if v.size}
                )
                for key, value in step[4].items()
                if not key.startswith("_")
            }
            info = self._add_info(info, one, index)
        return *(np.concatenate([step[column] for step in steps]) for column in range(4)), info


def weights(policy: Any) -> bytes:
    return b"".join(parameter.detach().numpy().tobytes() for parameter in policy.policy.parameters())


def train_on(envs: Any, algorithm: str, make: Callable[[], Any], **hp: Any) -> bytes:
    given = {**short(algorithm), "n_steps": 8, "run_ahead": True, "net_arch": [16], **hp}
    return weights(trained(algorithm, make, given, steps=48, rows=3, envs=envs, masks=make().masked))


@pytest.mark.parametrize(
    ("algorithm", "kind", "hp"),
    [
        ("ppo", {}, {}),
        ("maskable-ppo", {"masked": True}, {}),
        ("a2c", {"continuous": True}, {}),
        ("ppo", {"continuous": True}, {"normalize_observation": True, "normalize_reward": True}),
        ("trpo", {}, {}),
        ("ppo", {"continuous": True}, {"backend": "fast", "normalize_observation": True}),
        ("maskable-ppo", {"masked": True}, {"backend": "fast"}),
    ],
)
def test_weights_do_not_depend_on_who_was_ready_first(
    algorithm: str, kind: dict[str, Any], hp: dict[str, Any]
) -> None:
    def train(order: int) -> bytes:
        makers = [lambda seed=seed: Walk(seed, **kind) for seed in range(3)]  # type: ignore[misc]
        return train_on(AheadVectorEnv(Shuffled(makers, order)), algorithm, lambda: Walk(**kind), **hp)

    assert len({train(order) for order in range(4)}) == 1


@pytest.mark.parametrize("kind", [{"masked": True}, {"continuous": True}])
def test_the_core_learns_from_what_was_played_as_sb3_does(kind: dict[str, Any]) -> None:
    def train(backend: str) -> Any:
        envs = AheadVectorEnv(Shuffled([lambda seed=seed: Walk(seed, **kind) for seed in range(3)], 0))  # type: ignore[misc]
        algorithm = "maskable-ppo" if "masked" in kind else "ppo"
        return np.frombuffer(train_on(envs, algorithm, lambda: Walk(**kind), backend=backend), np.float32)

    assert np.abs(train("fast") - train("sb3")).max() < 1e-6


class Delayed:
    """Makes walks for worker processes."""

    def __init__(self, seed: int, pause: float) -> None:
        self._seed, self._pause = seed, pause

    def __call__(self) -> Walk:
        return Walk(self._seed, self._pause)


def test_weights_do_not_depend_on_how_long_steps_take_in_processes() -> None:
    digests = set()
    for pauses in ((0.0, 0.0, 0.0), (0.02, 0.0, 0.0), (0.0, 0.01, 0.03)):
        envs = AheadVectorEnv(WorkerVectorEnv([Delayed(*pair) for pair in enumerate(pauses)]))  # type: ignore[list-item]
        digests.add(train_on(envs, "ppo", Walk))
    assert len(digests) == 1


def test_a_rollout_that_was_played_is_what_stepping_together_gives() -> None:
    """The same actions, once as the policy of a rollout and once step by step."""

    def make() -> AheadVectorEnv:
        return AheadVectorEnv(WorkerVectorEnv([Delayed(seed, 0.01) for seed in range(2)]))  # type: ignore[list-item]

    rng = np.random.default_rng(0)
    script = rng.integers(3, size=(12, 2))
    ahead, plain = make(), make()
    observation, _ = ahead.reset()
    plain.reset()
    scripts = [iter(script[:, index]) for index in range(2)]
    players: list[Any] = [lambda seen, mask, actions=actions: next(actions) for actions in scripts]
    assert (ahead.play(12, observation, None, players) == script).all()
    for actions in script:
        first, second = ahead.step(actions), plain.step(actions)
        for one, other in zip(first[:4], second[:4], strict=True):
            assert np.array_equal(one, other)
        assert str(first[4]) == str(second[4])
    # Between rollouts, both stand at the same moment.
    assert np.array_equal(ahead.step(script[0])[0], plain.step(script[0])[0])
    ahead.close()
    plain.close()


def test_other_actions_than_those_played_are_an_error() -> None:
    envs = AheadVectorEnv(Shuffled([Walk, Walk], 0))
    observation, _ = envs.reset()
    envs.play(2, observation, None, [lambda *_: np.int64(1)] * envs.num_envs)
    with pytest.raises(RuntimeError, match="not the actions"):
        envs.step(np.array([0, 1]))


def test_its_actions_are_those_of_the_policy() -> None:
    """With one environment, frequencies of actions follow the policy's probabilities."""
    from sandbox.backends.sb3.ahead import Actor

    class Model:
        action_space = spaces.Discrete(3)
        policy = torch.nn.Module()

    Model.policy.mlp_extractor = torch.nn.Module()
    Model.policy.mlp_extractor.policy_net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh())
    Model.policy.action_net = torch.nn.Linear(4, 3)
    rows = np.tile(np.array([[0.3, -2.0]], np.float32), (40_000, 1))
    drawn = Actor(Model)(rows, None, np.random.default_rng(0))  # type: ignore[arg-type]
    with torch.no_grad():
        logits = Model.policy.action_net(Model.policy.mlp_extractor.policy_net(torch.as_tensor(rows[:1])))
    assert np.bincount(drawn, minlength=3) / len(rows) == pytest.approx(
        logits.softmax(1)[0].numpy(), abs=0.01
    )
    mask = np.tile([[True, False, True]], (len(rows), 1))
    assert not (Actor(Model)(rows, mask, np.random.default_rng(0)) == 1).any()  # type: ignore[arg-type]


def test_environments_of_one_batch_are_refused() -> None:
    assert find_ahead(vector(Corridor, 2)) is None
    with pytest.raises(MisfitError, match="one by one"):
        trained("ppo", Corridor, {**short("ppo"), "run_ahead": True}, rows=2)


def test_a_policy_with_a_memory_is_refused() -> None:
    envs = AheadVectorEnv(Shuffled([Walk, Walk], 0))
    with pytest.raises(InvalidValueError, match="plain layers"):
        trained("recurrent-ppo", Walk, {**short("recurrent-ppo"), "run_ahead": True}, rows=2, envs=envs)
