"""Collects rollouts for RLlib: all rows of a vector environment step at once.

RLlib's runner expects environments that spend a step on every reset and keeps a Python object for every
row and step. The sandbox's environments reset in the step that ends an episode and are batched, so this
runner steps whole arrays and cuts them into RLlib's episodes at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer

from sandbox.api.types import Array, Json, VectorEnvironment
from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.rllib.flat_envs import FlatEnvs

LOCAL_ENVS: dict[str, Callable[[int], VectorEnvironment]] = {}
"""Makes the environments of this process, by training; functions that cannot be sent to another process."""


class Report(NamedTuple):
    """Progress of a runner.

    Attributes:
        steps: Environment steps.
        episodes: Episodes that ended; see `sandbox.api.algorithm.RemoteEnvs`.
        moments: Number, mean and variance of the raw observations, or None without any.
    """

    steps: int
    episodes: list[object]
    moments: tuple[int, Array, Array] | None


class BatchedEnvRunner(SingleAgentEnvRunner):  # type: ignore[misc]
    """The share of the environments that a process steps; number 0 is the process that learns.

    ``env_config`` holds ``training``, a key of `LOCAL_ENVS`; ``make_envs``, see
    `sandbox.api.algorithm.RemoteEnvs`; ``reward_scale``; and ``normalize``.
    """

    def make_env(self) -> None:
        """Make the vector environment."""
        settings = self.config.env_config
        number = self.config.num_envs_per_env_runner
        torch.set_num_threads(1)  # as many processes as cores
        if self.worker_index == 0:
            envs = LOCAL_ENVS[settings["training"]](number)
        else:
            envs = settings["make_envs"](number, self.worker_index)
        self.env = FlatEnvs(envs, settings["reward_scale"])
        self.num_envs = self.env.num_envs
        self.normaliser = Normaliser(self.env.size) if settings["normalize"] else None
        self._needs_initial_reset = True
        self._rows: Array = np.zeros((0, self.env.size), np.float32)
        self._clock = np.zeros(self.num_envs, np.int64)
        self._moments: tuple[int, Array, Array] | None = None
        self._steps = 0

    def report(self) -> Report:
        """Progress since the last call."""
        steps, self._steps = self._steps, 0
        moments, self._moments = self._moments, None
        return Report(steps, self.env.drain(), moments)

    def set_normaliser(self, arrays: dict[str, Array]) -> None:
        """Use these statistics of the observations from now on."""
        self.normaliser = Normaliser.from_arrays(arrays, self.env.size)

    def position(self) -> Json:
        """The last observations and the steps of the running episodes; see `resume_from`."""
        return {"seen": self._rows, "clock": self._clock}

    def resume_from(self, position: Json) -> None:
        """Go on from a `position` over restored environments, without a reset."""
        self._rows, self._clock = np.array(position["seen"]), np.array(position["clock"])
        self._needs_initial_reset = False

    def _sample(
        self,
        *,
        num_timesteps: int | None = None,
        num_episodes: int | None = None,
        explore: bool,
        random_actions: bool = False,
        force_reset: bool = False,
    ) -> list[SingleAgentEpisode]:
        """Step every row equally often; see `SingleAgentEnvRunner.sample`."""
        assert num_timesteps is not None, "PPO samples steps"
        if self._needs_initial_reset or force_reset:
            self._rows, self._needs_initial_reset = self.env.start(), False
            self._clock[:] = 0
        length = -(-num_timesteps // self.num_envs)
        raw_rows = []
        kept: dict[str, list[Array]] = {
            name: [] for name in ("seen", "actions", "rewards", "logp", "params", "ended", "terminated")
        }
        lasts: dict[tuple[int, int], Array] = {}
        for time in range(length):
            raw_rows.append(self._rows)
            inputs = self._inputs(self._rows)
            params, actions, logp = self._act(inputs, explore)
            step = self.env.advance(actions)
            ended = step.terminated | step.truncated
            for row in np.flatnonzero(ended).tolist():
                lasts[time, row] = self._inputs(step.last[row][None])[0]
            for name, value in zip(
                kept, (inputs, actions, step.rewards, logp, params, ended, step.terminated), strict=True
            ):
                kept[name].append(value)
            self._rows = step.rows
        batch = np.concatenate(raw_rows).astype(np.float64)
        self._moments = (len(batch), batch.mean(0), batch.var(0))
        steps = length * self.num_envs
        self._steps += steps
        episodes = self._cut({name: np.stack(values, axis=1) for name, values in kept.items()}, lasts)
        self._log_env_steps(metric=self._metrics_num_env_steps_sampled, num_steps=steps)
        self._increase_sampled_metrics(steps, len(lasts))
        return episodes

    def _inputs(self, rows: Array) -> Array:
        return rows if self.normaliser is None else self.normaliser(rows)

    def _act(self, inputs: Array, explore: bool) -> tuple[Array, Array, Array]:
        """Parameters of the distribution, draws from it, and their log probabilities."""
        module = self.module
        forward = module.forward_exploration if explore else module.forward_inference
        params = forward({Columns.OBS: torch.from_numpy(inputs)})[Columns.ACTION_DIST_INPUTS]
        spread = module.get_exploration_action_dist_cls().from_logits(params)
        if not explore:
            spread = spread.to_deterministic()
        actions = spread.sample()
        logp = spread.logp(actions) if explore else torch.zeros(len(inputs))
        return params.numpy(), actions.numpy(), logp.numpy()

    def _cut(self, kept: dict[str, Array], lasts: dict[tuple[int, int], Array]) -> list[SingleAgentEpisode]:
        """RLlib's episodes, from arrays of shape ``(rows, steps, …)``; those that go on are cut off."""
        following = self._inputs(self._rows)
        episodes = []
        length = kept["ended"].shape[1]
        for row in range(self.num_envs):
            ends = [int(time) + 1 for time in np.flatnonzero(kept["ended"][row])]
            bounds = [0, *ends] if ends and ends[-1] == length else [0, *ends, length]
            for start, stop in pairwise(bounds):
                over = bool(kept["ended"][row, stop - 1])
                last = lasts[stop - 1, row] if over else following[row]
                episodes.append(self._episode({n: v[row, start:stop] for n, v in kept.items()}, last, row))
                self._clock[row] = 0 if over else self._clock[row] + stop - start
        return episodes

    def _episode(self, part: dict[str, Array], last: Array, row: int) -> SingleAgentEpisode:
        terminated = bool(part["terminated"][-1])
        length = len(part["rewards"])
        return SingleAgentEpisode(
            observations=_buffer(np.concatenate((part["seen"], last[None]))),
            observation_space=self.env.single_observation_space,
            infos=[{} for _ in range(length + 1)],
            actions=_buffer(part["actions"]),
            action_space=self.env.single_action_space,
            rewards=_buffer(part["rewards"]),
            terminated=terminated,
            truncated=bool(part["ended"][-1]) and not terminated,
            extra_model_outputs={
                Columns.ACTION_LOGP: _buffer(part["logp"]),
                Columns.ACTION_DIST_INPUTS: _buffer(part["params"]),
            },
            t_started=int(self._clock[row]),
            len_lookback_buffer=0,
        )


def _buffer(values: Array) -> InfiniteLookbackBuffer:
    return InfiniteLookbackBuffer(data=values, lookback=0)
