"""Environments that run ahead of each other, so that none of them waits for the slowest.

A vector environment steps all its environments together: at every step the fastest wait for the slowest, and
all wait for the learner. Where environments have processes of their own, and the policy stays as it is for
many steps, each can be given its next action as soon as it has finished its step. `AheadVectorEnv` plays such
a rollout and keeps what comes out. The steps that follow take it from there: all layers above see the same
vector environment as ever, in the same order, whoever was fast.

What comes out does not depend on who was fast, since each environment has a `Player` of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.ahead import Player, StepsApart
from sandbox.api.types import Array, Element, Options, Reset, Seeds, VectorEnvironment, VectorStep
from sandbox.envs.wrappers import AnyVectorWrapper, reset_with


class PlayedRollout:
    """The steps of a rollout that was played, to be taken out one by one."""

    def __init__(self) -> None:
        self._steps: deque[tuple[Array, VectorStep]] = deque()

    def __bool__(self) -> bool:
        return bool(self._steps)

    def clear(self) -> None:
        """Forget what was not taken out."""
        self._steps.clear()

    def hold(self, actions: Array, steps: Iterable[VectorStep]) -> None:
        """Keep a rollout.

        Args:
            actions: Shape ``(steps, num_envs, …)``.
            steps: What they led to.
        """
        self._steps.extend(zip(actions, steps, strict=True))

    def require_taken(self) -> None:
        """Refuse to play on while there is something left."""
        if self._steps:
            raise RuntimeError("the rollout before has not been taken out")

    def take(self, actions: Element) -> VectorStep:
        """The next step, which these actions led to."""
        taken, step = self._steps.popleft()
        if not np.array_equal(taken, actions):
            raise RuntimeError("these are not the actions with which the rollout was played")
        return step


class AheadVectorEnv(AnyVectorWrapper):
    """Plays rollouts in which no environment waits for another.

    Args:
        env: A vector environment that is also `StepsApart`.
    """

    def __init__(self, env: VectorEnvironment) -> None:
        super().__init__(env)
        self._rollout = PlayedRollout()

    def set_apart(self) -> None:
        """Prepare for rollouts; episodes that have begun go on."""
        self._apart.set_apart()

    def play(
        self, steps: int, observation: Element, mask: NDArray[np.bool_] | None, players: list[Player]
    ) -> Array:
        """See `sandbox.api.ahead.RunsAhead.play`."""
        self._rollout.require_taken()
        envs, number = self._apart, self.num_envs
        actions: list[list[Array]] = [[] for _ in range(number)]
        played: list[list[VectorStep]] = [[] for _ in range(number)]

        def send(index: int, seen: Element, allowed: NDArray[np.bool_] | None) -> None:
            actions[index].append(players[index](seen, allowed))
            envs.send(index, actions[index][-1])

        for index in range(number):
            send(index, row_of(observation, index), None if mask is None else mask[index])
        left = number
        while left:
            for index in envs.ready():
                step = envs.receive(index)
                played[index].append(step)
                if len(played[index]) == steps:
                    left -= 1
                    continue
                send(index, row_of(step[0], 0), None if mask is None else step[4]["action_mask"][0])
        taken = np.stack([np.stack(row) for row in actions], axis=1)
        self._rollout.hold(taken, (envs.together(row) for row in zip(*played, strict=True)))
        return taken

    def step(self, actions: Element) -> VectorStep:
        """The next step of a rollout that was played, else a step of all environments together."""
        return self._rollout.take(actions) if self._rollout else self.env.step(actions)

    def reset(self, *, seed: Seeds = None, options: Options | None = None) -> Reset:
        """Begin episodes; forgets a rollout that was not taken out."""
        self._rollout.clear()
        return reset_with(self.env, seed, options)

    def __getattr__(self, name: str) -> Any:
        """What only the wrapped environment has, such as the processes of its workers."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.env, name)

    @property
    def _apart(self) -> StepsApart:
        envs: Any = self.env
        return envs  # type: ignore[no-any-return]


def steps_apart(envs: VectorEnvironment) -> bool:
    """Whether environments can be stepped one by one."""
    return all(hasattr(type(envs), name) for name in ("set_apart", "send", "ready", "receive", "together"))


def with_ahead(envs: VectorEnvironment) -> VectorEnvironment:
    """The vector environment, able to play rollouts in which nobody waits where that is possible."""
    return AheadVectorEnv(envs) if steps_apart(envs) else envs


def row_of(observation: Element, index: int) -> Element:
    """One environment's part of a batch."""
    if isinstance(observation, dict):
        return {key: part[index] for key, part in observation.items()}
    return observation[index]
