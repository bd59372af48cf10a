"""A training whose environments live on a Ray cluster, one of whose machines dies in the middle."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from sb3_tasks import short, trained

from sandbox.api.errors import RunFailedError
from sandbox.envs.ahead import AheadVectorEnv
from sandbox.envs.seeding import EpisodeSeeds
from sandbox.envs.training_state import capture, restore
from sandbox.envs.workers import WorkerVectorEnv

# Ray reads these when it is imported.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = "0123456789abcdef" * 4
ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.external, pytest.mark.slow, pytest.mark.timeout(1200)]

ROWS = 3


class Walk(gym.Env[Any, Any]):
    """A random walk; a step takes ``pause`` seconds, and ``fatal`` ends the process."""

    def __init__(self, pause: float = 0.0, fatal: bool = False) -> None:
        self.observation_space, self.action_space = spaces.Box(-10, 10, (3,)), spaces.Discrete(3)
        self._pause, self._fatal = pause, fatal

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.clock = self.np_random.normal(size=3), 0
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        time.sleep(self._pause)
        if self._fatal:
            os._exit(1)
        self.place[0] += int(action) - 1 + 0.1 * self.np_random.normal()
        self.clock += 1
        return self._seen(), -abs(float(self.place[0])), abs(self.place[0]) > 4, self.clock == 9, {}

    def _seen(self) -> Any:
        return np.clip(self.place, -10, 10).astype(np.float32)


class Makes:
    """Makes the walks of a run, as `sandbox.envs.remote.TrainingEnvs` makes a scenario's environments."""

    def __init__(self, **given: Any) -> None:
        self._given = given

    def single(self, index: int) -> Any:
        return EpisodeSeeds(Walk(**self._given), 7, index, 0, 1000, resume="replay")


class Local:
    """Makes one of them for a process of this machine."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __call__(self) -> Any:
        return Makes().single(self._index)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without cores and two nodes: every environment lives on a node that can be killed."""
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False)
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def on_ray(makes: Makes, restorable: bool = True) -> Any:
    from sandbox.envs.on_ray import RayVectorEnv

    example = Walk()
    spaces_of_row = example.observation_space, example.action_space
    return RayVectorEnv(makes, ROWS, spaces_of_row, restorable=restorable)  # type: ignore[arg-type]


def weights(envs: Any, steps: int = 16 * ROWS * 4) -> bytes:
    hp = {**short("ppo"), "run_ahead": True, "net_arch": [16], "normalize_observation": True}
    policy = trained("ppo", Walk, hp, steps=steps, rows=ROWS, envs=envs)
    return b"".join(parameter.detach().numpy().tobytes() for parameter in policy.policy.parameters())


def test_weights_are_those_of_local_processes_although_a_machine_dies_in_a_rollout(cluster: Any) -> None:
    made, nodes = cluster
    local = weights(AheadVectorEnv(WorkerVectorEnv([Local(index) for index in range(ROWS)])))
    assert weights(on_ray(Makes())) == local

    envs = on_ray(Makes(pause=0.2))
    threading.Timer(5.0, lambda: made.remove_node(nodes[1], allow_graceful=False)).start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert weights(envs) == local
    assert any("was lost; another one plays its steps again" in str(warning.message) for warning in caught)


def test_the_steps_are_given_out_as_they_were_played(cluster: Any) -> None:
    envs = on_ray(Makes())
    observation, _ = envs.reset()
    assert observation.shape == (ROWS, 3)
    ends = 0
    for _ in range(10):
        observation, reward, terminated, truncated, info = envs.step(np.ones(ROWS, np.int64))
        assert observation.shape == (ROWS, 3)
        assert reward.shape == (ROWS,)
        over = terminated | truncated
        ends += int(over.sum())
        if over.any():
            assert info["_final_obs"].tolist() == over.tolist()
    assert ends >= ROWS
    envs.close()


def test_a_checkpoint_holds_the_environments(cluster: Any) -> None:
    def walked(envs: Any) -> list[bytes]:
        return [envs.step(np.ones(ROWS, np.int64))[0].tobytes() for _ in range(12)]

    envs = on_ray(Makes())
    envs.reset()
    walked(envs)
    state = capture(envs)
    after = walked(envs)
    envs.close()
    again = on_ray(Makes())
    restore(again, state, pytest.fail)
    assert walked(again) == after
    again.close()


class Wanders(Walk):
    """Its steps come from the machine's own chance, so that no episode can be played again."""

    def step(self, action: Any) -> Any:
        self.place[0] += int.from_bytes(os.urandom(2), "big") / 1e5
        return super().step(action)


class Fails:
    """An environment that cannot be made on the machine, or not be played again."""

    def __init__(self, wanders: bool = False) -> None:
        self._wanders = wanders

    def single(self, index: int) -> Any:
        if not self._wanders:
            raise RunFailedError("There is no simulator on this machine.")
        return EpisodeSeeds(Wanders(), 7, index, 0, 1000, resume="replay")


def test_what_cannot_be_made_on_a_machine_is_said_in_its_words(cluster: Any) -> None:
    envs = on_ray(Fails())  # type: ignore[arg-type]
    with pytest.raises(RunFailedError, match="There is no simulator on this machine"):
        envs.reset()
    envs.close()


def test_an_episode_that_cannot_be_played_again_ends_the_training(cluster: Any) -> None:
    envs = on_ray(Fails(wanders=True))  # type: ignore[arg-type]
    envs.reset()
    envs.step(np.ones(ROWS, np.int64))
    ray.kill(envs._actors[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RunFailedError, match="did not lead to the same observation"):
            envs.step(np.ones(ROWS, np.int64))
    envs.close()


def test_what_cannot_be_restored_or_kills_its_process_is_an_error(cluster: Any) -> None:
    envs = on_ray(Makes(fatal=True))
    envs.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RunFailedError, match="was lost 6 times in the same rollout"):
            envs.step(np.ones(ROWS, np.int64))
    envs.close()
    envs = on_ray(Makes(fatal=True), restorable=False)
    envs.reset()
    with pytest.raises(RunFailedError, match="its task cannot be restored"):
        envs.step(np.ones(ROWS, np.int64))
