"""Plays a batch of environments for RLlib: all rows of a vector environment step at once.

RLlib's own runner expects environments that spend a step on every reset and keeps one Python object a
row and step. Ours reset in the step that ends an episode and are batched, so this runner plays whole
arrays and cuts them into RLlib's episodes at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from ray.rllib.core.columns import Columns
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.env.utils.infinite_lookback_buffer import InfiniteLookbackBuffer

from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.rllib.rows import Rows

Array = NDArray[Any]

HERE: dict[str, Callable[[int], VectorEnv[Any, Any, Any]]] = {}
"""Makes the environments of this process, by training; not sent anywhere, as they cannot be."""


class RowsEnvRunner(SingleAgentEnvRunner):  # type: ignore[misc]
    """One process's share of the environments; number 0 is the process that learns.

    ``env_config`` holds ``training``, a key of `HERE`; ``make_envs``, see `sandbox.api.algorithm.RemoteEnvs`;
    ``reward_scale``; and ``normalize``.
    """

    def make_env(self) -> None:
        """Make the vector environment."""
        settings = self.config.env_config
        number = self.config.num_envs_per_env_runner
        make, here = settings["make_envs"], not self.worker_index
        torch.set_num_threads(1)  # as many processes as cores
        envs = HERE[settings["training"]](number) if here else make(number, self.worker_index)
        self.env = Rows(envs, settings["reward_scale"])
        self.num_envs = self.env.num_envs
        self.normaliser = Normaliser(self.env.size) if settings["normalize"] else None
        self._needs_initial_reset = True
        self._seen: Array = np.zeros((0, self.env.size), np.float32)
        self._clock = np.zeros(self.num_envs, np.int64)
        self._moments: tuple[int, Array, Array] | None = None
        self._played = 0

    def report(self) -> dict[str, Any]:
        """What happened since the last call: steps, episodes that ended, moments of the observations."""
        played, self._played = self._played, 0
        moments, self._moments = self._moments, None
        return {"played": played, "ended": self.env.drain(), "moments": moments}

    def normalise_by(self, arrays: dict[str, Array]) -> None:
        """Use these statistics of the observations from now on."""
        self.normaliser = Normaliser.from_arrays(arrays, self.env.size)

    def position(self) -> dict[str, Any]:
        """Where play stands, so that `go_on` can take it up over restored environments."""
        return {"seen": self._seen, "clock": self._clock}

    def go_on(self, position: dict[str, Any]) -> None:
        """Go on where `position` was taken, without a reset."""
        self._seen, self._clock = np.array(position["seen"]), np.array(position["clock"])
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
            self._seen, self._needs_initial_reset = self.env.begin(), False
            self._clock[:] = 0
        length = -(-num_timesteps // self.num_envs)
        raw_rows = []
        kept: dict[str, list[Array]] = {
            name: [] for name in ("seen", "actions", "rewards", "logp", "params", "ended", "terminated")
        }
        lasts: dict[tuple[int, int], Array] = {}
        for time in range(length):
            raw_rows.append(self._seen)
            inputs = self._inputs(self._seen)
            params, actions, logp = self._act(inputs, explore)
            step = self.env.play(actions)
            ended = step.terminated | step.truncated
            for row in np.flatnonzero(ended).tolist():
                lasts[time, row] = self._inputs(step.last[row][None])[0]
            for name, value in zip(
                kept, (inputs, actions, step.rewards, logp, params, ended, step.terminated), strict=True
            ):
                kept[name].append(value)
            self._seen = step.rows
        batch = np.concatenate(raw_rows).astype(np.float64)
        self._moments = (len(batch), batch.mean(0), batch.var(0))
        steps = length * self.num_envs
        self._played += steps
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
        following = self._inputs(self._seen)
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
