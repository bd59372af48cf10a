"""Plays whole episodes of a policy, without favouring short ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Info, Json, Observation, VectorEnvironment
from sandbox.backends.actors.observations import as_batch, flatten
from sandbox.backends.reinforce.estimator import Episodes

Draw = Callable[[NDArray[np.float32], Array | None], Array]


class Collector:
    """Plays a fixed number of episodes in every environment of a vector environment.

    All environments are reset when a collection starts, so that every step comes from the current policy,
    and how many episodes each plays is decided before: taking the first N episodes to finish
    would favour short ones. An environment that has played its share steps on unrecorded until the others
    have played theirs.

    In a multi-agent task the steps of each agent are an episode; an agent that leaves ends it, and rows
    of absent agents are not recorded.

    Args:
        envs: In SAME_STEP autoreset mode.
        num_envs: Number of environments; each has ``envs.num_envs / num_envs`` rows, one an agent.
        action: Maps raw draws to actions.
        max_length: Steps after which an episode is taken to be endless.
    """

    def __init__(
        self, envs: VectorEnvironment, num_envs: int, action: Callable[[Array], Array], max_length: int
    ) -> None:
        self._envs, self._num_envs, self._action, self._max_length = envs, num_envs, action, max_length
        self._space = envs.single_observation_space
        self._observation: Observation = {}
        self._info: Info = {}
        self._just_reset = False

    def collect(self, draw: Draw, count: int) -> tuple[Episodes, int]:
        """Play ``count`` episodes.

        Args:
            draw: ``(rows, mask) -> raw draws`` of the policy.
            count: Number of episodes, spread evenly over the environments.

        Returns:
            The episodes, and the environment steps they took, over all rows, recorded or not.

        Raises:
            MisfitError: If an episode does not end.
        """
        if not self._just_reset:
            self._observation, self._info = self._envs.reset()
        rows = self._envs.num_envs
        share = np.full(self._num_envs, count // self._num_envs)
        share[: count % self._num_envs] += 1
        record = _Record(np.repeat(share, rows // self._num_envs))
        steps = 0
        while (recorded := record.wanted(self._active())).any():
            flat, mask = flatten(self._space, self._observation), self._info.get("action_mask")
            raw = draw(flat, mask)
            was_active = self._active()
            step = self._envs.step(self._action(raw))
            self._observation, reward, terminated, truncated, self._info = step
            done = np.asarray(terminated) | np.asarray(truncated)
            record.add(recorded, flat, raw, mask, np.asarray(reward))
            for row in map(int, np.flatnonzero(done & recorded)):
                record.end(row, self._last(row), bool(terminated[row]))
            self._just_reset = bool((done | ~was_active).all())
            steps += rows
            if record.clock.max() > self._max_length:
                raise MisfitError(
                    f"reinforce learns from whole episodes, but one did not end in {self._max_length} steps.",
                    "Give the task a time limit, or choose an algorithm that does not wait for the end.",
                )
        return record.episodes(), steps

    def state(self) -> Json:
        """The state that persists between collections; see `restore`."""
        if not self._just_reset:
            return {"fresh": False}
        info = {key: self._info[key] for key in ("active", "action_mask") if key in self._info}
        return {"fresh": True, "observation": self._observation, "info": info}

    def restore(self, state: Json) -> None:
        """Continue from a `state`, over environments that have been restored to the same moment."""
        self._just_reset = state["fresh"]
        if self._just_reset:
            self._observation, self._info = state["observation"], state["info"]

    def _active(self) -> Array:
        active = self._info.get("active")
        if active is None:
            return np.ones(self._envs.num_envs, np.bool_)
        return np.asarray(active, np.bool_)

    def _last(self, row: int) -> NDArray[np.float32]:
        """The true last observation of a row whose episode just ended, flattened."""
        last: NDArray[np.float32] = flatten(self._space, as_batch(self._info["final_obs"][row]))[0]
        return last


class _Record:
    """Recorded steps, and which episode every row is playing.

    Args:
        share: Episodes to record of each row, shape ``(rows,)``.
    """

    def __init__(self, share: Array) -> None:
        self._left = share.copy()
        self._playing = np.full(len(share), -1)
        self.clock = np.zeros(len(share), np.int64)
        self._steps: list[tuple[Array, Array, Array, Array, Array]] = []
        self._masks: list[Array] = []
        self._ends: dict[int, tuple[Array, bool]] = {}
        self._started = 0

    def wanted(self, active: Array) -> Array:
        """Rows whose next step is to be recorded."""
        rows: Array = active & (self._left > 0)
        return rows

    def add(self, rows: Array, flat: Array, raw: Array, mask: Array | None, reward: Array) -> None:
        """Record a step of the rows that are wanted, given all rows."""
        new = rows & (self._playing < 0)
        self._playing[new] = self._started + np.arange(new.sum())
        self._started += int(new.sum())
        self._steps.append((flat[rows], raw[rows], reward[rows], self._playing[rows], self.clock[rows]))
        if mask is not None:
            self._masks.append(np.asarray(mask, np.bool_)[rows])
        self.clock += rows

    def end(self, row: int, last: Array, terminated: bool) -> None:
        """Record the end of a row's episode and its last observation."""
        self._ends[int(self._playing[row])] = (last, terminated)
        self._playing[row], self.clock[row] = -1, 0
        self._left[row] -= 1

    def episodes(self) -> Episodes:
        """Everything that was recorded."""
        flat, raw, reward, episode, time = (np.concatenate(part) for part in zip(*self._steps, strict=True))
        ends = [self._ends[number] for number in range(self._started)]
        return Episodes(
            observations=flat,
            actions=raw,
            masks=np.concatenate(self._masks) if self._masks else None,
            rewards=reward.astype(np.float64),
            episode=episode,
            time=time,
            last_observations=np.stack([last for last, _ in ends]),
            terminated=np.array([terminated for _, terminated in ends]),
        )
