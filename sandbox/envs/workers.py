"""Environments in worker processes, one each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.async_vector_env import AsyncState, _async_worker

from sandbox.api.errors import RunFailedError, SandboxError
from sandbox.api.processes import Parent, follow_parent, kill_on_terminate, starting_children
from sandbox.api.types import Element, Reset, VectorStep
from sandbox.envs.single import EnvFactory
from sandbox.envs.wrappers import AnyAsyncVectorEnv

CLOSE_WITHIN = 5.0
"""Seconds that a step under way may take when the environments are closed; then workers are killed."""


_INFO = "_info of the environment"
"""Key of the info of a single environment, from which infos are joined."""


class WorkerVectorEnv(AnyAsyncVectorEnv):
    """One process an environment; failures are reported in the words of the environment that failed.

    Raises:
        RunFailedError: From `step` and `reset`, when a worker process dies.
    """

    def __init__(self, factories: Sequence[EnvFactory]) -> None:
        with ExitStack() as self._start, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._start.enter_context(starting_children())
            super().__init__(
                list(factories),
                context="spawn",
                autoreset_mode=AutoresetMode.SAME_STEP,
                copy=True,
                worker=partial(_serve, Parent.current()),
            )
        kill_on_terminate(self.processes)
        # Before multiprocessing terminates daemonic processes by SIGTERM and waits for them.
        Finalize(self, _kill, (self.processes,), exitpriority=1)

    def _check_spaces(self) -> None:
        """The last thing that Gymnasium's constructor does, once all workers are started."""
        self._start.close()  # so that Ctrl-C is answered while they make their environments
        super()._check_spaces()  # type: ignore[no-untyped-call]

    @property
    def _under_way(self) -> set[int]:
        """Environments that were sent an action one by one and have not been received."""
        found: set[int] = self.__dict__.setdefault("_sent", set())
        return found

    def close_extras(self, timeout: float | None = None, terminate: bool = False) -> None:
        """Close the environments; workers that do not answer in time are killed."""
        super().close_extras(CLOSE_WITHIN if timeout is None else timeout, terminate)

    def step_wait(self, timeout: float | None = None) -> VectorStep:
        with self._deaths_explained():
            return super().step_wait(timeout)

    def step_async(self, actions: Element) -> None:
        with self._deaths_explained():
            super().step_async(actions)

    def set_apart(self) -> None:
        """Nothing: each environment has a process of its own."""

    def send(self, index: int, action: Element) -> None:
        """Begin a step of environment ``index``."""
        with self._deaths_explained():
            self.parent_pipes[index].send(("step", action))
        self._under_way.add(index)

    def ready(self) -> list[int]:
        """Wait until steps have ended, and say in which environments."""
        under_way = sorted(self._under_way)
        pipes = [self.parent_pipes[index] for index in under_way]
        answered = {id(pipe) for pipe in wait(pipes)}
        return [index for index, pipe in zip(under_way, pipes, strict=True) if id(pipe) in answered]

    def receive(self, index: int) -> VectorStep:
        """The step of environment ``index``, as of a vector environment of it alone."""
        with self._deaths_explained():
            result, success = self.parent_pipes[index].recv()
        self._under_way.discard(index)
        self._raise_if_errors([success])
        _, reward, terminated, truncated, info = result
        observation = _copied_row(self.observations, index)
        outcome = (np.array([reward], np.float64), np.array([terminated], bool), np.array([truncated], bool))
        masks = {"action_mask": np.asarray(info["action_mask"])[None]} if "action_mask" in info else {}
        return observation, *outcome, {_INFO: info, **masks}

    def together(self, steps: Sequence[VectorStep]) -> VectorStep:
        """One step of each environment as the step of the vector environment."""
        info: Any = {}
        for index, step in enumerate(steps):
            info = self._add_info(info, step[4][_INFO], index)
        observations = [step[0] for step in steps]
        columns = (np.concatenate([step[column] for step in steps]) for column in (1, 2, 3))
        return _joined_rows(observations), *columns, info

    def reset_wait(self, timeout: float | None = None) -> Reset:
        with self._deaths_explained():
            return super().reset_wait(timeout)

    def call_async(self, name: str, /, *args: object, **kwargs: object) -> None:
        with self._deaths_explained():
            super().call_async(name, *args, **kwargs)

    def call_wait(self, timeout: float | None = None) -> tuple[Any, ...]:
        with self._deaths_explained():
            return super().call_wait(timeout)

    def _raise_if_errors(self, successes: Iterable[bool]) -> None:
        """Raise what a worker raised; Gymnasium would make a new exception of its kind from its text."""
        failures = [self.error_queue.get() for success in successes if not success]
        if not failures:
            return
        for env_index, *_ in failures:
            self.parent_pipes[env_index].close()
            self.parent_pipes[env_index] = None  # type: ignore[call-overload]
        self._state = AsyncState.DEFAULT
        env_index, _, error, trace = failures[0]
        error.add_note(trace)
        if isinstance(error, SandboxError):
            raise error
        raise RunFailedError(
            f"Environment worker {env_index} failed: {type(error).__name__}: {error}.",
            "The run's checkpoints are kept.",
        ) from error

    @contextmanager
    def _deaths_explained(self) -> Iterator[None]:
        try:
            yield
        except SandboxError:
            raise
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            dead = [index for index, process in enumerate(self.processes) if not process.is_alive()]
            codes = ", ".join(str(self.processes[index].exitcode) for index in dead)
            self.close(terminate=True)
            raise RunFailedError(
                f"Environment worker {', '.join(map(str, dead)) or '?'} died (exit code {codes or '?'}).",
                "The run's checkpoints are kept.",
            ) from error


def _copied_row(observation: Element, index: int) -> Element:
    if isinstance(observation, dict):
        return {key: np.copy(part[index : index + 1]) for key, part in observation.items()}
    return np.copy(observation[index : index + 1])


def _joined_rows(observations: Sequence[Element]) -> Element:
    if isinstance(observations[0], dict):
        return {key: np.concatenate([each[key] for each in observations]) for key in observations[0]}
    return np.concatenate(list(observations))


def _serve(parent: Parent, *arguments: Any) -> None:
    """What a worker runs; ``arguments`` are those of Gymnasium's own worker function."""
    follow_parent(parent)
    _async_worker(*arguments)


def _kill(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.kill()
