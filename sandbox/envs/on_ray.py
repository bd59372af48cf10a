"""Training environments on a Ray cluster, to which whole rollouts travel.

A step that crosses a network costs more than most simulators need for it. Here each environment is an actor
somewhere on the cluster; it is given the policy of a rollout, plays all its steps, and sends them back at
once (see `sandbox.envs.ahead`). What comes out depends neither on which machine played nor on whether it
lived: when an actor is lost, its environment is restored on another machine as it was when the rollout began,
and plays the rollout again with the same random numbers.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array
from numpy.typing import NDArray

from sandbox.api.ahead import Player
from sandbox.api.errors import RunFailedError, SandboxError
from sandbox.api.processes import usable_cores
from sandbox.api.types import (
    Array,
    Element,
    Info,
    Json,
    Options,
    Reset,
    Seeds,
    Space,
    Step,
    VectorEnvironment,
    VectorStep,
)
from sandbox.envs.ahead import PlayedRollout, row_of
from sandbox.envs.remote import TrainingEnvs
from sandbox.envs.single import EnvFactory
from sandbox.registry.ray_cluster import connect
from sandbox.scenarios.resolve import ResolvedScenario

LOSSES = 5
"""Times that the same rollout of an environment may lose its actor before the training fails: then it is not
the machines that die but the environment that kills them."""

PATIENCE = 60.0
"""Seconds without an answer after which the user is told that the cluster is waited for."""

SHARE = 0.01
"""Cores that an actor asks for: next to nothing, so that those of a dead machine find a place elsewhere."""


def make_on_ray(scenario: ResolvedScenario, num_envs: int, seed: int) -> VectorEnvironment:
    """The environments of `make_training` on the Ray cluster of ``RAY_ADDRESS``, or one of this machine.

    Rollouts are played there. Each environment has the episodes that it has as a single one; a native batch
    of the task draws its episodes in another way.

    Raises:
        MissingExtraError, InvalidValueError, RunFailedError: If there is no Ray, or no cluster.
    """
    factory = EnvFactory(scenario)
    example: Any = factory()
    spaces = example.observation_space, example.action_space
    example.close()
    envs: VectorEnvironment = RayVectorEnv(
        TrainingEnvs.of(scenario, seed), num_envs, spaces, restorable=scenario.task.resume != "none"
    )
    if scenario.task.agents == "parallel":
        from sandbox.envs.multiagent import Rows

        envs = Rows(envs, factory)
    return envs


class RayVectorEnv(VectorEnvironment):
    """Environments that are actors of a Ray cluster, in SAME_STEP autoreset mode.

    Args:
        make: Makes each of them on its machine.
        num_envs: How many.
        spaces: Observation and action space of one environment.
        restorable: Whether an environment can be restored, and so its machine be lost.

    Raises:
        MissingExtraError, InvalidValueError, RunFailedError: As `sandbox.registry.ray_cluster.connect`.
    """

    metadata: Json = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self, make: TrainingEnvs, num_envs: int, spaces: tuple[Space, Space], *, restorable: bool
    ) -> None:
        address = os.environ.get("RAY_ADDRESS")
        self._connected_here = connect("run_ahead=ray", address, min(num_envs, usable_cores()))
        import ray

        self._ray: Any = ray
        self._make, self.num_envs, self._restorable = make, num_envs, restorable
        self.single_observation_space, self.single_action_space = spaces
        self.observation_space = batch_space(spaces[0], num_envs)
        self.action_space = batch_space(spaces[1], num_envs)
        actor: Any = ray.remote(_Copy)
        self._actor = actor.options(num_cpus=SHARE, scheduling_strategy="SPREAD")
        self._actors = [self._actor.remote(make, index) for index in range(num_envs)]
        self._states: list[Json | None] = [None] * num_envs
        """What each environment was after the last answer."""
        self._rollout = PlayedRollout()

    def set_apart(self) -> None:
        """Nothing: each environment is an actor of its own."""

    def reset(self, *, seed: Seeds = None, options: Options | None = None) -> Reset:
        """Begin episodes; forgets a rollout that was not taken out."""
        self._rollout.clear()
        seeds = seed if isinstance(seed, list) else [seed] * self.num_envs
        answers = self._ask("reset", [(value, options) for value in seeds])
        info: Info = {}
        for index, (_, own) in enumerate(answers):
            info = self._add_info(info, own, index)
        return self._joined([observation for observation, _ in answers]), info

    def play(
        self, steps: int, observation: Element, mask: NDArray[np.bool_] | None, players: list[Player]
    ) -> Array:
        """See `sandbox.api.ahead.RunsAhead.play`."""
        self._rollout.require_taken()
        rows = range(self.num_envs)
        answers = self._ask(
            "play",
            [
                (steps, row_of(observation, index), None if mask is None else mask[index], players[index])
                for index in rows
            ],
        )
        players[:] = [player for _, _, player in answers]
        taken = np.stack([np.stack(actions) for actions, _, _ in answers], axis=1)
        played = zip(*(outcomes for _, outcomes, _ in answers), strict=True)
        self._rollout.hold(taken, map(self._together, played))
        return taken

    def step(self, actions: Element) -> VectorStep:
        """The next step of a rollout that was played, else a step of all environments."""
        if not self._rollout:
            self.play(1, actions, None, [_Given(row_of(actions, index)) for index in range(self.num_envs)])
        return self._rollout.take(actions)

    def call(self, name: str, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """Call a method of every environment."""
        return tuple(self._ask("call", [(name, arguments, named)] * self.num_envs))

    def close_extras(self, **_: Any) -> None:
        """End the actors, and a cluster that was started here."""
        for actor in self._actors:
            self._ray.kill(actor)
        if self._connected_here:
            self._ray.shutdown()

    def _ask(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Answers of all environments, asked at the same time; those whose actor is lost are asked again."""
        ray = self._ray
        answers: list[Any] = [None] * self.num_envs
        lost = [0] * self.num_envs
        asked = {self._send(index, method, arguments[index]): index for index in range(self.num_envs)}
        answered_at = time.monotonic()
        while asked:
            ready, _ = ray.wait(list(asked), num_returns=1, timeout=PATIENCE)
            if not ready:
                seconds = time.monotonic() - answered_at
                warnings.warn(
                    f"{len(asked)} of {self.num_envs} environments on the Ray cluster have not answered for "
                    f"{seconds:.0f} s; they are waited for.",
                    stacklevel=2,
                )
                continue
            answered_at = time.monotonic()
            index = asked.pop(ready[0])
            try:
                answers[index], state = ray.get(ready[0])
                self._states[index] = state
            except ray.exceptions.RayTaskError as error:
                raise _explained(index, error.cause) from error
            except ray.exceptions.RayError as error:
                lost[index] += 1
                self._replace(index, lost[index], str(error).partition("\n")[0])
                asked[self._send(index, method, arguments[index], self._states[index])] = index
        return answers

    def _send(self, index: int, method: str, arguments: tuple[Any, ...], state: Json | None = None) -> Any:
        return self._actors[index].answer.remote(method, arguments, state)

    def _replace(self, index: int, losses: int, reason: str) -> None:
        """A new actor for an environment that was lost."""
        if losses > LOSSES or not self._restorable:
            why = (
                f"was lost {losses} times in the same rollout"
                if self._restorable
                else "was lost, and its task cannot be restored"
            )
            raise RunFailedError(f"Environment {index} {why}: {reason}", "The run's checkpoints are kept.")
        warnings.warn(
            f"The machine or process of environment {index} was lost; another one plays its steps again.",
            stacklevel=2,
        )
        self._actors[index] = self._actor.remote(self._make, index)

    def _together(self, outcomes: Sequence[Step]) -> VectorStep:
        info: Info = {}
        for index, outcome in enumerate(outcomes):
            info = self._add_info(info, outcome[4], index)
        rewards = np.array([outcome[1] for outcome in outcomes], np.float64)
        ends = (np.array([outcome[column] for outcome in outcomes], np.bool_) for column in (2, 3))
        return self._joined([outcome[0] for outcome in outcomes]), rewards, *ends, info

    def _joined(self, observations: Sequence[Element]) -> Element:
        space = self.single_observation_space
        batch: Any = create_empty_array(space, self.num_envs, fn=np.zeros)
        joined: Element = concatenate(space, list(observations), batch)
        return joined


class _Given:
    """Plays an action that was chosen elsewhere."""

    def __init__(self, action: Array) -> None:
        self._action = action

    def __call__(self, observation: Element, mask: NDArray[np.bool_] | None) -> Array:
        return self._action


class _Copy:
    """The actor: one environment, made at the first call, so that an error in making it is an answer."""

    def __init__(self, make: TrainingEnvs, index: int) -> None:
        self._make, self._index = make, index
        self._env: Any = None

    def answer(self, method: str, arguments: Sequence[Any], state: Json | None) -> tuple[Any, Json]:
        """What a method gives, and the state that the environment is left in.

        Args:
            method: ``reset``, ``play`` or ``call``.
            arguments: Its arguments.
            state: What the environment was, for one that a lost actor has played.
        """
        if self._env is None:
            self._env = self._make.single(self._index)
        if state is not None and not self._env.restore_training_state({self._index: state}):
            raise RunFailedError(
                f"Environment {self._index} was played again on another machine, and its episode did not "
                "lead to the same observation: the task is not a function of seed and actions.",
                "The run's checkpoints are kept.",
            )
        value = getattr(self, method)(*arguments)
        return value, self._env.training_state()

    def reset(self, seed: int | None, options: Options | None) -> Reset:
        """Begin an episode."""
        first: Reset = self._env.reset(seed=seed, options=options)
        return first

    def play(
        self, steps: int, observation: Element, mask: NDArray[np.bool_] | None, player: Player
    ) -> tuple[list[Array], list[Step], Player]:
        """Play steps; an episode that ends is followed by the next."""
        masked, actions, outcomes = mask is not None, [], []
        for _ in range(steps):
            actions.append(player(observation, mask))
            outcomes.append(self._step(actions[-1]))
            observation, info = outcomes[-1][0], outcomes[-1][4]
            mask = info["action_mask"] if masked else None
        return actions, outcomes, player

    def call(self, name: str, arguments: Sequence[Any], named: Json) -> Any:
        """Call a method of the environment."""
        return getattr(self._env, name)(*arguments, **named)

    def _step(self, action: Array) -> Step:
        observation, reward, terminated, truncated, info = self._env.step(action)
        if terminated or truncated:
            first, fresh = self._env.reset()
            info = {"final_info": info, "final_obs": observation, **fresh}
            observation = first
        return observation, float(reward), bool(terminated), bool(truncated), info


def _explained(index: int, error: BaseException) -> SandboxError:
    if isinstance(error, SandboxError):
        return error
    return RunFailedError(
        f"Environment {index} failed on its machine: {type(error).__name__}: {error}.",
        "The run's checkpoints are kept.",
    )
