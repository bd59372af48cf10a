"""Vector environments: native ones, and single ones joined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sandbox.api.errors import PluginError
from sandbox.api.types import Bools, Element, Info, VectorEnvironment, VectorStep
from sandbox.envs.ahead import AheadVectorEnv
from sandbox.envs.derived import DerivedMetricsVectorEnv, derived_metrics
from sandbox.envs.observed import observed, shows_natively
from sandbox.envs.seeding import Mode
from sandbox.envs.single import EnvFactory
from sandbox.envs.wrappers import AnyVectorWrapper
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario


def native(scenario: ResolvedScenario, num_envs: int, *, evaluation: bool) -> VectorEnvironment:
    """The task's own vector environment, in SAME_STEP autoreset mode.

    Of a parallel task each environment holds all its agents.

    Raises:
        PluginError: If it is in NEXT_STEP mode, whose reset steps learners cannot tell from others.
    """
    return as_asked(scenario, same_step(raw_native(scenario, num_envs, evaluation=evaluation)))


def is_native(scenario: ResolvedScenario) -> bool:
    """Whether the scenario is played in the task's own vector environment."""
    return scenario.task.make_vec is not None and shows_natively(scenario)


def as_asked(scenario: ResolvedScenario, envs: VectorEnvironment) -> VectorEnvironment:
    """A vector environment in SAME_STEP mode with the observation that the scenario asks for, and with
    metrics that its environment does not give itself.
    """
    envs = observed(envs, scenario)
    metrics = derived_metrics(scenario.task)
    return DerivedMetricsVectorEnv(envs, metrics) if metrics else envs


def raw_native(scenario: ResolvedScenario, num_envs: int, *, evaluation: bool) -> VectorEnvironment:
    """The task's own vector environment, in SAME_STEP or DISABLED autoreset mode; raises as `native`."""
    config = scenario.evaluation_config if evaluation else scenario.config
    envs: VectorEnvironment = resolve(scenario.task.make_vec)(config, scenario.reward, num_envs)
    mode = envs.metadata.get("autoreset_mode")
    if mode in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
        return envs
    raise PluginError(
        f"The native vector environment of {scenario.spec.task} must have autoreset mode SAME_STEP or "
        f"DISABLED, not {getattr(mode, 'value', mode)}."
    )


def as_rows(scenario: ResolvedScenario, envs: VectorEnvironment) -> VectorEnvironment:
    """Every agent of every environment as a row, where the task is parallel."""
    if scenario.task.agents != "parallel":
        return envs
    from sandbox.envs.multiagent import Rows

    return Rows(envs)


def restorable(scenario: ResolvedScenario) -> bool:
    """Whether the training environments of a scenario can be restored exactly; see `Task.resume`."""
    if not is_native(scenario):
        return scenario.task.resume != "none"
    envs = raw_native(scenario, 1, evaluation=False)
    try:
        return native_resume(scenario, envs) != "none"
    finally:
        envs.close()


def native_resume(scenario: ResolvedScenario, raw: VectorEnvironment) -> Mode:
    """How a native environment is restored; one that resets by itself cannot be played again from outside."""
    disabled = raw.metadata["autoreset_mode"] == AutoresetMode.DISABLED
    return "none" if scenario.task.resume == "replay" and not disabled else scenario.task.resume


def same_step(envs: VectorEnvironment) -> VectorEnvironment:
    return envs if envs.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP else SameStep(envs)


class SameStep(AnyVectorWrapper):
    """Turns a vector environment without autoreset into one that resets in the step that ends an episode."""

    def __init__(self, env: VectorEnvironment) -> None:
        super().__init__(env)
        self._metadata = {**env.metadata, "autoreset_mode": AutoresetMode.SAME_STEP}

    def step(self, actions: Element) -> VectorStep:
        """Step; environments whose episode ended are reset, their last observation is in ``final_obs``."""
        observation, reward, terminated, truncated, info = self.env.step(actions)
        done = np.asarray(terminated) | np.asarray(truncated)
        if not done.any():
            return observation, reward, terminated, truncated, info
        final = np.full(self.num_envs, None, dtype=object)
        for env_index in np.flatnonzero(done).tolist():
            final[env_index] = _row(observation, env_index)
        reward, terminated, truncated = np.copy(reward), np.copy(terminated), np.copy(truncated)
        observation, fresh = self.env.reset(options={"reset_mask": done})
        combined = _merged_info(info, fresh, done)
        combined |= {"final_obs": final, "_final_obs": done, "final_info": info, "_final_info": done}
        return observation, reward, terminated, truncated, combined


def joined(scenario: ResolvedScenario, factories: Sequence[EnvFactory], workers: bool) -> VectorEnvironment:
    """Single environments as one vector environment, each in a worker process or all in this one."""
    if workers:
        from sandbox.envs.workers import WorkerVectorEnv

        envs: VectorEnvironment = AheadVectorEnv(WorkerVectorEnv(factories))
    else:
        envs = SyncVectorEnv(factories, autoreset_mode=AutoresetMode.SAME_STEP)
    if scenario.task.agents == "parallel":
        from sandbox.envs.multiagent import Rows

        envs = Rows(envs, EnvFactory(scenario))
    return envs


def _merged_info(info: Info, fresh: Info, done: Bools) -> Info:
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


def _row(observation: Element, index: int) -> Element:
    if isinstance(observation, dict):
        return {key: np.copy(value[index]) for key, value in observation.items()}
    return np.copy(observation[index])
