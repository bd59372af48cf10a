"""``make, make_vec = batched(Core)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.api.batch.core import make_core
from sandbox.api.batch.parallel import parallel_env
from sandbox.api.batch.parallel_vector import BatchedParallelVectorEnv
from sandbox.api.batch.single import BatchedEnv
from sandbox.api.batch.state import Restore
from sandbox.api.batch.types import Config, MakeCore
from sandbox.api.batch.vector import BatchedVectorEnv
from sandbox.api.reward import RewardSpec


@dataclass(frozen=True)
class MakeEnv:
    """``(config, reward, render_mode)``: one environment of a core; see `batched`."""

    core: MakeCore
    restore: Restore

    def __call__(self, config: Config, reward: RewardSpec, render_mode: str | None = None) -> Any:
        """A ``gymnasium.Env``, or a ``pettingzoo.ParallelEnv`` where the core has agents."""
        core = make_core(self.core, config, 1, render_mode)
        if hasattr(core, "agents"):
            return parallel_env(core, config, reward, render_mode, self.restore)
        return BatchedEnv(core, config, reward, render_mode, self.restore)


@dataclass(frozen=True)
class MakeVectorEnv:
    """``(config, reward, num_envs)``: many environments of a core as one; see `batched`."""

    core: MakeCore
    restore: Restore

    def __call__(self, config: Config, reward: RewardSpec, num_envs: int) -> Any:
        """A ``gymnasium.vector.VectorEnv``; its environments are whole episodes where the core has agents."""
        core = make_core(self.core, config, num_envs)
        if hasattr(core, "agents"):
            return BatchedParallelVectorEnv(core, config, reward, num_envs, self.restore)
        return BatchedVectorEnv(core, config, reward, num_envs, self.restore)


class Batched(NamedTuple):
    """What `batched` gives: `sandbox.api.Task.make` and `sandbox.api.Task.make_vec`."""

    make: MakeEnv
    make_vec: MakeVectorEnv


def batched(core: MakeCore, *, restore: Restore = "state") -> Batched:
    """The single environment and the native vector environment of a core.

    ::

        make, make_vec = batched(Elevators)

    Seeding, autoreset, infos, masks, metrics, rendering and exact resume are done here, once; the task
    declares ``resume="state"``. In both environments ``env.core`` is the core, ``env.config`` the
    parameters and ``env.reward`` the reward.

    Args:
        core: The class, or a function ``(config, num_envs) -> core``; see `sandbox.api.BatchedCore` and
            `sandbox.api.ParallelCore`.
        restore: How a core is restored: ``"state"`` by its state, ``"replay"`` by playing the present
            episodes again, for simulators that cannot save themselves.
    """
    return Batched(MakeEnv(core, restore), MakeVectorEnv(core, restore))
