"""One environment from a scenario."""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from sandbox.envs.seeding import (
    EpisodeSeeds,
)
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import Problem


def make_single(problem: Problem, render_mode: str | None = None, *, evaluation: bool = False) -> Any:
    """A ``gymnasium.Env``, or a ``pettingzoo.ParallelEnv`` where the task has several agents."""
    config = problem.evaluation_config if evaluation else problem.config
    return resolve(problem.task.make)(config, problem.reward, render_mode)


@dataclass(frozen=True)
class EnvFactory:
    """Makes one environment, here or in a worker process.

    Args:
        problem: What to make.
        seeds: Run seed, copy, and the half-open range of its episode seeds; None leaves seeding alone.
        evaluation: Use the parameters of evaluation.
        in_worker: Whether this runs in a process of its own.
        render_mode: As in Gymnasium.
    """

    problem: Problem
    seeds: tuple[int, int, int, int] | None = None
    evaluation: bool = False
    in_worker: bool = False
    render_mode: str | None = None

    def __call__(self) -> gym.Env[Any, Any]:
        if self.in_worker and multiprocessing.current_process().daemon:
            # Ctrl-C reaches the whole process group; only the main process answers it. That one calls
            # this too: AsyncVectorEnv makes a first environment where it is itself.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        env = make_single(self.problem, self.render_mode, evaluation=self.evaluation)
        if self.problem.task.agents == "parallel":
            from sandbox.envs.multiagent import JointEnv

            env = JointEnv(env)
        if self.seeds is not None:
            env = EpisodeSeeds(env, *self.seeds, resume=self.problem.task.resume)
        checked: gym.Env[Any, Any] = env
        return checked
