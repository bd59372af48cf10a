"""Vector environments of signal control: adapters of a `SignalBatch` of several simulations."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import wait
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
from sandbox_traffic.simulators import make_batch

Info = dict[str, Any]
VectorStep = tuple[
    NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
]


def make_signal_vec(config: SignalConfig, reward: RewardSpec, num_envs: int) -> SignalVectorEnv:
    """Make a vector environment of the task ``traffic/signal``."""
    return SignalVectorEnv(config, reward, num_envs)


def make_signals_vec(config: SignalConfig, reward: RewardSpec, num_envs: int) -> SignalsVectorEnv:
    """Make a vector environment of the task ``traffic/signals``, all signals of a network in each."""
    return SignalsVectorEnv(config, reward, num_envs)


class _BatchVectorEnv(VectorEnv[Any, Any, Any]):
    """Seeds, autoreset and state of the vector environments of both tasks.

    Episodes all take the same time, so all environments begin and end theirs together. `set_apart` lets each
    go at its own pace; the results are the same.

    Attributes:
        batches: The simulations: one batch of all, or one of each where they go apart.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        self._arguments = (config, reward, num_envs)
        self.num_envs = num_envs
        self.batches = [make_batch(config, reward, num_envs)]
        self.render_mode = None
        self._generators = [seeding.np_random()[0] for _ in range(num_envs)]
        self._under_way: set[int] = set()

    @property
    def batch(self) -> SignalBatch:
        """All simulations, or the first where they go apart."""
        return self.batches[0]

    def set_apart(self) -> None:
        """Let the environments be stepped one by one, by `send` and `receive`.

        Episodes that have begun, as those of a training that is resumed, are played again up to now.
        """
        if len(self.batches) == 1 < self.num_envs:
            config, reward, number = self._arguments
            state, network = self.get_state(), self.batch.network
            self.batch.close()
            self.batches = [make_batch(config, reward, 1, network) for _ in range(number)]
            self.set_state(state)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], Info]:
        """Begin an episode in every environment; an integer s gives environment i the seed s + i."""
        if seed is not None:
            seeds = seed if isinstance(seed, list) else [seed + index for index in range(self.num_envs)]
            for index, env_seed in enumerate(seeds):
                if env_seed is not None:
                    self._generators[index] = seeding.np_random(env_seed)[0]
        for number, batch in enumerate(self.batches):
            batch.reset_async(self._draw_seeds(number))
        for batch in self.batches:
            batch.reset_wait()
        parts = [(self._observations(batch), self._infos(batch)) for batch in self.batches]
        return np.concatenate([part[0] for part in parts]), _joined([part[1] for part in parts])

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Info]:
        """Request phases and let one decision interval pass; ended episodes are followed by the next."""
        phases = as_phases(actions, self.num_envs)
        size = self.num_envs // len(self.batches)
        for number, batch in enumerate(self.batches):
            batch.step_async(phases[number * size : (number + 1) * size])
        return self.together([self._receive(number) for number in range(len(self.batches))])

    def send(self, index: int, action: Any) -> None:
        """Request phases in environment ``index`` alone; needs `set_apart`."""
        self.batches[index].step_async(as_phases(action, 1))
        self._under_way.add(index)

    def ready(self) -> list[int]:
        """Wait until intervals have passed, and say in which environments."""
        under_way = sorted(self._under_way)
        if not self.batch.sockets:  # steps in this process have ended when they have been sent
            return under_way
        sockets = {self.batches[index].sockets[0]: index for index in under_way}
        return sorted(sockets[number] for number in wait(list(sockets)) if isinstance(number, int))

    def receive(self, index: int) -> VectorStep:
        """The step of environment ``index``, as of a vector environment of it alone."""
        self._under_way.discard(index)
        return self._receive(index)

    def together(self, steps: Sequence[VectorStep]) -> VectorStep:
        """Steps of the environments as one."""
        if len(steps) == 1:
            return steps[0]
        observation, reward, terminated, truncated = (
            np.concatenate([step[column] for step in steps]) for column in range(4)
        )
        return observation, reward, terminated, truncated, _joined([step[4] for step in steps])

    def _receive(self, number: int) -> VectorStep:
        """The step of one batch."""
        batch = self.batches[number]
        done = batch.step_wait()
        observations = self._observations(batch)
        rewards, outcome = self._outcome(batch, done)
        info = self._infos(batch) | outcome
        if not batch.running:
            final_obs = np.empty(len(done), dtype=object)
            final_obs[:] = list(observations)
            final_info = info | {"metrics": batch.metrics(), "_metrics": done}
            final_info["signal_metrics"] = batch.signal_metrics()
            batch.reset_async(self._draw_seeds(number))
            batch.reset_wait()
            observations = self._observations(batch)
            info = self._infos(batch) | outcome
            info |= {
                "final_obs": final_obs, "_final_obs": done, "final_info": final_info, "_final_info": done
            }  # fmt: skip
        return observations, rewards, np.zeros(len(done), dtype=np.bool_), done, info

    def close_extras(self, **kwargs: Any) -> None:
        """Free the simulators."""
        for batch in self.batches:
            batch.close()

    def get_state(self) -> dict[str, Any]:
        """Generators, and the present episodes as `SignalBatch.get_state` has them."""
        generators = [generator.bit_generator.state for generator in self._generators]
        states = [batch.get_state() for batch in self.batches]
        seeds = [seed for state in states for seed in state["seeds"]]
        actions = np.concatenate([state["actions"] for state in states], axis=1)
        return {"generators": generators, **states[0], "seeds": seeds, "actions": actions}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the generators, and replay the episodes up to their last actions."""
        for generator, generator_state in zip(self._generators, state["generators"], strict=True):
            generator.bit_generator.state = generator_state
        size = self.num_envs // len(self.batches)
        for number, batch in enumerate(self.batches):
            part = slice(number * size, (number + 1) * size)
            batch.set_state(state | {"seeds": state["seeds"][part], "actions": state["actions"][:, part]})

    def __reduce__(self) -> Any:
        """Copies and pickles play on from the same moment; see `sandbox_traffic.copying`."""
        return reduce_by_replay(self, self._arguments)

    def _draw_seeds(self, number: int) -> list[int]:
        """Seeds of the next episodes of one batch."""
        size = self.num_envs // len(self.batches)
        return [draw_seed(each) for each in self._generators[number * size : (number + 1) * size]]

    def _observations(self, batch: SignalBatch) -> NDArray[np.float32]:
        raise NotImplementedError

    def _infos(self, batch: SignalBatch) -> Info:
        """Infos of the present time."""
        raise NotImplementedError

    def _outcome(self, batch: SignalBatch, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        """Rewards and infos of the last interval."""
        raise NotImplementedError


def _joined(infos: Sequence[Info]) -> Info:
    """Infos of several batches, whose episodes end together, as one."""
    if len(infos) == 1:
        return infos[0]
    return {
        name: _joined([info[name] for info in infos])
        if isinstance(value, dict)
        else np.concatenate([info[name] for info in infos])
        for name, value in infos[0].items()
    }


class SignalVectorEnv(_BatchVectorEnv):
    """Environments of `sandbox_traffic.env.SignalEnv`, a row each."""

    def __init__(self, config: SignalConfig, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(config, reward, num_envs)
        require_one_signal(self.batch.network.roads)
        self.single_observation_space, self.single_action_space = self.batch.signal_spaces(0)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _observations(self, batch: SignalBatch) -> NDArray[np.float32]:
        return batch.observations()[:, 0]

    def _infos(self, batch: SignalBatch) -> Info:
        return {
            "action_mask": batch.action_masks()[:, 0],
            "held": batch.held()[:, 0],
            "phase": batch.phases()[:, 0],
            "time": batch.times(),
        }

    def _outcome(self, batch: SignalBatch, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        breakdown = batch.rewards()
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

    def _observations(self, batch: SignalBatch) -> NDArray[np.float32]:
        return batch.observations()

    def _infos(self, batch: SignalBatch) -> Info:
        return {
            "active": self._all_agents[: len(batch.simulations)],
            "action_mask": batch.action_masks(),
            "held": batch.held(),
            "phase": batch.phases(),
            "time": batch.times(),
        }

    def _outcome(self, batch: SignalBatch, done: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Info]:
        breakdown, everyone = batch.rewards(), self._all_agents[: len(done)]
        return breakdown.total.sum(axis=1), {
            "agent_rewards": breakdown.total,
            "agent_terminated": ~everyone,
            "agent_truncated": everyone & done[:, None],
            "acted": everyone,
            "reward_terms": breakdown.terms,
        }
