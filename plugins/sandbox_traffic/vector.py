"""Vector environments of signal control: adapters of a `SignalBatch` of several simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sandbox.api import RewardSpec
from sandbox_traffic.batch import SignalBatch, as_phases, draw_seed
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.copying import reduce_by_replay
from sandbox_traffic.network.roads import require_one_signal

Info = dict[str, Any]


def make_signal_vec(config: SignalConfig, reward: RewardSpec, num_envs: int) -> SignalVectorEnv:
    """Make a vector environment of the task ``traffic/signal``."""
    return SignalVectorEnv(config, reward, num_envs)


def make_signals_vec(config: SignalConfig, reward: RewardSpec, num_envs: int) -> SignalsVectorEnv:
    """Make a vector environment of the task ``traffic/signals``, all signals of a network in each."""
    return SignalsVectorEnv(config, reward, num_envs)


class _BatchVectorEnv(VectorEnv[Any, Any, Any]):
    """Seeds, autoreset and state of the vector environments of both tasks.

    Episodes all take the same time, so all environments begin and end theirs together.

    Attributes:
        batch: The simulations.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        self._arguments = (config, reward, num_envs)
        self.num_envs = num_envs
        self.batch = SignalBatch(config, reward, num_envs)
        self.render_mode = None
        self._generators = [seeding.np_random()[0] for _ in range(num_envs)]

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin an episode in every environment; an integer s gives environment i the seed s + i."""
        if seed is not None:
            seeds = seed if isinstance(seed, list) else [seed + index for index in range(self.num_envs)]
            for index, env_seed in enumerate(seeds):
                if env_seed is not None:
                    self._generators[index] = seeding.np_random(env_seed)[0]
        self._begin_episodes()
        return self._observations(), self._infos()

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Request phases and let one decision interval pass; ended episodes are followed by the next."""
        done = self.batch.step(as_phases(actions, self.num_envs))
        observations = self._observations()
        rewards, outcome = self._outcome(done)
        info = self._infos() | outcome
        if done.any():
            final_obs = np.empty(self.num_envs, dtype=object)
            final_obs[:] = list(observations)
            final_info = info | {"metrics": self.batch.metrics(), "_metrics": done}
            final_info["signal_metrics"] = self.batch.signal_metrics()
            self._begin_episodes()
            observations = self._observations()
            info = self._infos() | outcome
            info |= {
                "final_obs": final_obs, "_final_obs": done, "final_info": final_info, "_final_info": done
            }  # fmt: skip
        return observations, rewards, np.zeros(self.num_envs, dtype=np.bool_), done, info

    def close_extras(self, **kwargs: Any) -> None:
        """Free the simulators."""
        self.batch.close()

    def get_state(self) -> dict[str, Any]:
        """Generators, and the present episodes as `SignalBatch.get_state` has them."""
        generators = [generator.bit_generator.state for generator in self._generators]
        return {"generators": generators, **self.batch.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the generators, and replay the episodes up to their last actions."""
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            generator.bit_generator.state = generator_state
        self.batch.set_state(state)

    def __reduce__(self) -> Any:
        """Copies and pickles play on from the same moment; see `sandbox_traffic.copying`."""
        return reduce_by_replay(self, self._arguments)

    def _begin_episodes(self) -> None:
        self.batch.reset([draw_seed(generator) for generator in self._generators])

    def _observations(self) -> NDArray[np.float32]:
        raise NotImplementedError

    def _infos(self) -> Info:
        """Infos of the present time."""
        raise NotImplementedError

    def _outcome(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        """Rewards and infos of the last interval."""
        raise NotImplementedError


class SignalVectorEnv(_BatchVectorEnv):
    """Environments of `sandbox_traffic.env.SignalEnv`, a row each."""

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        require_one_signal(self.batch.network.roads)
        self.single_observation_space, self.single_action_space = self.batch.signal_spaces(0)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _observations(self) -> NDArray[np.float32]:
        return self.batch.observations()[:, 0]

    def _infos(self) -> Info:
        return {
            "action_mask": self.batch.action_masks()[:, 0],
            "held": self.batch.held()[:, 0],
            "phase": self.batch.phases()[:, 0],
            "time": self.batch.times(),
        }

    def _outcome(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        breakdown = self.batch.rewards()
        terms = {name: values[:, 0] for name, values in breakdown.terms.items()}
        return breakdown.total[:, 0], {"reward_terms": terms}


class SignalsVectorEnv(_BatchVectorEnv):
    """Environments of `sandbox_traffic.env.SignalsEnv`, each with its signals as the rows of one action.

    Shapes are those of `sandbox.api.Task.make_vec` for parallel tasks: observations ``(num_envs, signals,
    width)``, actions ``(num_envs, signals)`` and masks ``(num_envs, signals, max_phases)``, padded with
    zeros and false. The scalar reward of an environment is the sum over its signals.

    Attributes:
        agents: Ids of the signals, in the order of the rows.
        row_observation_space, row_action_space: Padded spaces of one signal.
    """

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        self.agents = [signal.id for signal in self.batch.network.signals]
        self.row_observation_space, self.row_action_space = self.batch.padded_spaces()
        self.single_observation_space = batch_space(self.row_observation_space, len(self.agents))
        self.single_action_space = batch_space(self.row_action_space, len(self.agents))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all_agents = np.ones((num_envs, len(self.agents)), dtype=np.bool_)

    def _observations(self) -> NDArray[np.float32]:
        return self.batch.observations()

    def _infos(self) -> Info:
        return {
            "active": self._all_agents,
            "action_mask": self.batch.action_masks(),
            "held": self.batch.held(),
            "phase": self.batch.phases(),
            "time": self.batch.times(),
        }

    def _outcome(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        breakdown = self.batch.rewards()
        return breakdown.total.sum(axis=1), {
            "agent_rewards": breakdown.total,
            "agent_terminated": ~self._all_agents,
            "agent_truncated": self._all_agents & done[:, None],
            "acted": self._all_agents,
            "reward_terms": breakdown.terms,
        }
