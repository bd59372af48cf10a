"""Vector environments: native ones, and copies of single ones in processes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.async_vector_env import AsyncState

from sandbox.api.errors import PluginError, SandboxError
from sandbox.envs.seeding import (
    Mode,
)
from sandbox.envs.single import EnvFactory
from sandbox.envs.wrappers import AnyAsyncVectorEnv, AnyVectorWrapper
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario


def native(scenario: ResolvedScenario, num_envs: int, *, evaluation: bool) -> VectorEnv[Any, Any, Any]:
    """The task's own vector environment, in SAME_STEP autoreset mode; of a parallel task, whole copies.

    Raises:
        PluginError: If it is in NEXT_STEP mode, whose reset steps learners cannot tell from others.
    """
    return _same_step(raw_native(scenario, num_envs, evaluation=evaluation))


def raw_native(scenario: ResolvedScenario, num_envs: int, *, evaluation: bool) -> VectorEnv[Any, Any, Any]:
    """The task's own vector environment, in SAME_STEP or DISABLED autoreset mode; raises as `native`."""
    config = scenario.evaluation_config if evaluation else scenario.config
    envs: VectorEnv[Any, Any, Any] = resolve(scenario.task.make_vec)(config, scenario.reward, num_envs)
    mode = envs.metadata.get("autoreset_mode")
    if mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
        return envs
    raise PluginError(
        f"The native vector environment of {scenario.spec.task} must have autoreset mode SAME_STEP or "
        f"DISABLED, not {getattr(mode, 'value', mode)}."
    )


def _rows(scenario: ResolvedScenario, envs: VectorEnv[Any, Any, Any]) -> VectorEnv[Any, Any, Any]:
    """Every agent of every copy as a row, where the task is parallel."""
    if scenario.task.agents != "parallel":
        return envs
    from sandbox.envs.multiagent import Rows

    return Rows(envs)


def restorable(scenario: ResolvedScenario) -> bool:
    """Whether the training environments of a scenario can be restored exactly; see `Task.resume`."""
    if scenario.task.make_vec is None:
        return scenario.task.resume != "none"
    envs = raw_native(scenario, 1, evaluation=False)
    try:
        return _native_resume(scenario, envs) != "none"
    finally:
        envs.close()


def _native_resume(scenario: ResolvedScenario, raw: VectorEnv[Any, Any, Any]) -> Mode:
    """How a native environment is restored; one that resets by itself cannot be played again from outside."""
    disabled = raw.metadata["autoreset_mode"] == AutoresetMode.DISABLED
    return "none" if scenario.task.resume == "replay" and not disabled else scenario.task.resume


def _same_step(envs: VectorEnv[Any, Any, Any]) -> VectorEnv[Any, Any, Any]:
    return envs if envs.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP else SameStep(envs)


class SameStep(AnyVectorWrapper):
    """Turns a vector environment without autoreset into one that resets in the step that ends an episode."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self._metadata = {**env.metadata, "autoreset_mode": AutoresetMode.SAME_STEP}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step all copies; those that ended are reset, their last observation is in ``final_obs``."""
        observation, reward, terminated, truncated, info = self.env.step(actions)
        done = np.asarray(terminated) | np.asarray(truncated)
        if not done.any():
            return observation, reward, terminated, truncated, info
        final = np.full(self.num_envs, None, dtype=object)
        for copy in np.flatnonzero(done).tolist():
            final[copy] = _row(observation, copy)
        reward, terminated, truncated = np.copy(reward), np.copy(terminated), np.copy(truncated)
        observation, fresh = self.env.reset(options={"reset_mask": done})
        combined = _merged_info(info, fresh, done)
        combined |= {"final_obs": final, "_final_obs": done, "final_info": info, "_final_info": done}
        return observation, reward, terminated, truncated, combined


@contextmanager
def main_module_hidden() -> Iterator[None]:
    """Start processes without their importing the user's script.

    The spawn method imports the main module in every child, so a script without an
    ``if __name__ == "__main__"`` guard would run again in each. The children here need nothing from it.
    """
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__ = None
    if file is not None:
        del main.__file__
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def _from_copies(
    scenario: ResolvedScenario, factories: list[EnvFactory], workers: bool
) -> VectorEnv[Any, Any, Any]:
    if workers:
        factories = [replace(made, in_worker=True) for made in factories]
        envs: VectorEnv[Any, Any, Any] = Workers(factories)
    else:
        envs = SyncVectorEnv(factories, autoreset_mode=AutoresetMode.SAME_STEP)
    if scenario.task.agents == "parallel":
        from sandbox.envs.multiagent import Rows

        envs = Rows(envs, EnvFactory(scenario))
    return envs


class Workers(AnyAsyncVectorEnv):
    """One process a copy; what goes wrong in one is told in its own words.

    Raises:
        RunFailedError: From `step` and `reset`, when a worker process dies.
    """

    def __init__(self, factories: Sequence[EnvFactory]) -> None:
        import warnings

        with main_module_hidden(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(
                list(factories), context="spawn", autoreset_mode=AutoresetMode.SAME_STEP, copy=True
            )

    def step_wait(self, timeout: float | None = None) -> Any:
        with self._deaths_explained():
            return super().step_wait(timeout)

    def step_async(self, actions: Any) -> None:
        with self._deaths_explained():
            super().step_async(actions)

    def reset_wait(self, timeout: float | None = None) -> Any:
        with self._deaths_explained():
            return super().reset_wait(timeout)

    def call_async(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        with self._deaths_explained():
            super().call_async(name, *args, **kwargs)

    def call_wait(self, timeout: float | None = None) -> Any:
        with self._deaths_explained():
            return super().call_wait(timeout)

    def _raise_if_errors(self, successes: Iterable[bool]) -> None:
        """Raise what a worker raised; Gymnasium would make a new exception of its kind from its text."""
        from sandbox.api.errors import RunFailedError

        failures = [self.error_queue.get() for success in successes if not success]
        if not failures:
            return
        for index, *_ in failures:
            self.parent_pipes[index].close()
            self.parent_pipes[index] = None  # type: ignore[call-overload]
        self._state = AsyncState.DEFAULT
        index, _, error, trace = failures[0]
        error.add_note(trace)
        if isinstance(error, SandboxError):
            raise error
        raise RunFailedError(
            f"Environment worker {index} failed: {type(error).__name__}: {error}.",
            "The run's checkpoints are kept.",
        ) from error

    @contextmanager
    def _deaths_explained(self) -> Iterator[None]:
        from sandbox.api.errors import RunFailedError

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


def _merged_info(info: dict[str, Any], fresh: dict[str, Any], done: Any) -> dict[str, Any]:
    """Rows that were reset take the fresh info, the others keep the step's."""
    merged = dict(info)
    for name, value in fresh.items():
        old = info.get(name)
        if isinstance(value, np.ndarray) and isinstance(old, np.ndarray) and value.shape == old.shape:
            where = done.reshape(-1, *[1] * (value.ndim - 1))
            merged[name] = np.where(where, value, old)
        else:
            merged[name] = value
    return merged


def _row(observation: Any, index: int) -> Any:
    if isinstance(observation, dict):
        return {key: np.copy(value[index]) for key, value in observation.items()}
    return np.copy(observation[index])
