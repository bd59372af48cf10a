"""Many copies in one vector environment, their simulators working side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sandbox.api import RewardSpec
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.copies import Copies
from sandbox_traffic.network import only_signal
from sandbox_traffic.spaces import padded_spaces, signal_spaces

SEED_LIMIT = 2**31

Info = dict[str, Any]


def make_signal_vec(config: SignalConfig, reward: RewardSpec, num_envs: int) -> SignalVectorEnv:
    """Vector environment of the task ``traffic/signal``: a row a copy."""
    return SignalVectorEnv(config, reward, num_envs)


def make_signals_vec(config: SignalConfig, reward: RewardSpec, num_envs: int) -> SignalsVectorEnv:
    """Vector environment of the task ``traffic/signals``: a copy is all signals of a network."""
    return SignalsVectorEnv(config, reward, num_envs)


class _Vector(VectorEnv[Any, Any, Any]):
    """What both have in common: seeds, episodes that follow one another, and the state of it all.

    All episodes take the same time, so all copies begin and end theirs together.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        self.num_envs = num_envs
        self.copies = Copies(config, reward, num_envs)
        self.controls = self.copies.controls
        self.render_mode = None
        self._generators = [seeding.np_random()[0] for _ in range(num_envs)]
        self._seeds: list[int] = []
        self._played: list[NDArray[np.int64]] = []

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin an episode in every copy; a single seed s gives copy i the seed s + i."""
        if seed is not None:
            given = seed if isinstance(seed, list) else [seed + copy for copy in range(self.num_envs)]
            for copy, one in enumerate(given):
                if one is not None:
                    self._generators[copy] = seeding.np_random(one)[0]
        self._begin()
        return self._observation(), self._now()

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Info]:
        """Request phases and let one decision interval pass; ended copies begin their next episode."""
        phases = np.asarray(actions, dtype=np.int64).reshape(self.num_envs, -1)
        done = self.copies.step(phases)
        self._played.append(phases)
        observation = self._observation()
        reward, outcome = self._outcome(done)
        info = self._now() | outcome
        if done.any():
            final = np.empty(self.num_envs, dtype=object)
            final[:] = list(observation)
            last = info | {"metrics": self._metrics(), "_metrics": done}
            last["signal_metrics"] = self.copies.signal_metrics()
            self._begin()
            observation = self._observation()
            info = self._now() | outcome
            info |= {"final_obs": final, "_final_obs": done, "final_info": last, "_final_info": done}
        return observation, reward, np.zeros(self.num_envs, dtype=np.bool_), done, info

    def close_extras(self, **kwargs: Any) -> None:
        """Free the simulators."""
        self.copies.close()

    def get_state(self) -> dict[str, Any]:
        """Generators, and the present episodes as their seeds and their actions."""
        shape = (len(self._played), self.num_envs, len(self.copies.ground.signals))
        return {
            "generators": [generator.bit_generator.state for generator in self._generators],
            "seeds": list(self._seeds),
            "actions": np.array(self._played, dtype=np.int64).reshape(shape),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Play the present episodes again up to where they were: SUMO's own states are not exact."""
        for generator, one in zip(self._generators, state["generators"], strict=True):
            generator.bit_generator.state = one
        self._seeds = [int(seed) for seed in state["seeds"]]
        self._played = [np.asarray(phases, dtype=np.int64) for phases in state["actions"]]
        self.copies.reset(dict(enumerate(self._seeds)))
        for phases in self._played:
            self.copies.step(phases)

    def _begin(self) -> None:
        self._seeds = [int(generator.integers(SEED_LIMIT)) for generator in self._generators]
        self._played = []
        self.copies.reset(dict(enumerate(self._seeds)))

    def _metrics(self) -> dict[str, NDArray[np.float64]]:
        ended = [control.metrics or {} for control in self.controls]
        return {name: np.array([one[name] for one in ended]) for name in ended[0]}

    def _observation(self) -> NDArray[np.float32]:
        raise NotImplementedError

    def _now(self) -> Info:
        """What is told of the present time."""
        raise NotImplementedError

    def _outcome(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        """Rewards of the last interval and what is told of it."""
        raise NotImplementedError


class SignalVectorEnv(_Vector):
    """Copies of `sandbox_traffic.env.SignalEnv`, a row each."""

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        only_signal(self.copies.ground.network)
        self.single_observation_space, self.single_action_space = signal_spaces(self.copies, 0)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _observation(self) -> NDArray[np.float32]:
        return self.copies.observe()[:, 0]

    def _now(self) -> Info:
        return {
            "action_mask": self.copies.masks()[:, 0],
            "held": self.copies.held()[:, 0],
            "phase": self.copies.phases()[:, 0],
            "time": np.array([control.now for control in self.controls]),
        }

    def _outcome(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        breakdown = self.copies.outcome()
        terms = {name: values[:, 0] for name, values in breakdown.terms.items()}
        return breakdown.total[:, 0], {"reward_terms": terms}


class SignalsVectorEnv(_Vector):
    """Copies of `sandbox_traffic.env.SignalsEnv`, each with all its signals as the rows of one action.

    Shapes are those of `sandbox.api.Task.make_vec` for parallel tasks: observations ``(copies, signals,
    width)``, actions and masks ``(copies, signals)`` and ``(copies, signals, phases)``, padded with
    zeros and false. The scalar reward of a copy is the sum over its signals.

    Attributes:
        agents: Ids of the signals, in the order of the rows.
        row_observation_space, row_action_space: Padded spaces of one signal.
    """

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        self.agents = [signal.id for signal in self.copies.ground.signals]
        self.row_observation_space, self.row_action_space = padded_spaces(self.copies)
        self.single_observation_space = batch_space(self.row_observation_space, len(self.agents))
        self.single_action_space = batch_space(self.row_action_space, len(self.agents))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all = np.ones((num_envs, len(self.agents)), dtype=np.bool_)

    def _observation(self) -> NDArray[np.float32]:
        return self.copies.observe()

    def _now(self) -> Info:
        return {
            "active": self._all,
            "action_mask": self.copies.masks(),
            "held": self.copies.held(),
            "phase": self.copies.phases(),
            "time": np.array([control.now for control in self.controls]),
        }

    def _outcome(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        breakdown = self.copies.outcome()
        return breakdown.total.sum(axis=1), {
            "agent_rewards": breakdown.total,
            "agent_terminated": ~self._all,
            "agent_truncated": self._all & done[:, None],
            "acted": self._all,
            "reward_terms": breakdown.terms,
        }
