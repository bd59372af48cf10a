"""One environment from a scenario."""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from sandbox.envs.expert import ExpertLabels, MakeExpert
from sandbox.envs.seeding import (
    EpisodeSeeds,
)
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario


def make_single(
    scenario: ResolvedScenario, render_mode: str | None = None, *, evaluation: bool = False
) -> Any:
    """A ``gymnasium.Env``, or a ``pettingzoo.ParallelEnv`` where the task has several agents."""
    config = scenario.evaluation_config if evaluation else scenario.config
    return resolve(scenario.task.make)(config, scenario.reward, render_mode)


@dataclass(frozen=True)
class EnvFactory:
    """Makes one environment, here or in a worker process.

    Args:
        scenario: What to make.
        seeds: Run seed, copy, and the half-open range of its episode seeds; None leaves seeding alone.
        evaluation: Use the parameters of evaluation.
        in_worker: Whether this runs in a process of its own.
        render_mode: As in Gymnasium.
        expert: Somebody who is asked after every reset and step.
    """

    scenario: ResolvedScenario
    seeds: tuple[int, int, int, int] | None = None
    evaluation: bool = False
    in_worker: bool = False
    render_mode: str | None = None
    expert: MakeExpert | None = None

    def __call__(self) -> gym.Env[Any, Any]:
        if self.in_worker and multiprocessing.current_process().daemon:
            # Ctrl-C reaches the whole process group; only the main process answers it. That one calls
            # this too: AsyncVectorEnv makes a first environment where it is itself.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        env = make_single(self.scenario, self.render_mode, evaluation=self.evaluation)
        if self.scenario.task.agents == "parallel":
            from sandbox.envs.multiagent import JointEnv

            env = JointEnv(env)
        resume = self.scenario.task.resume
        if self.expert is not None:
            env = ExpertLabels(env, self.expert)
            if resume == "state" and not self.expert.memoryless:
                resume = "replay"  # what the expert remembers comes back by playing the episode again
        if self.seeds is not None:
            env = EpisodeSeeds(env, *self.seeds, resume=resume)
        checked: gym.Env[Any, Any] = env
        return checked
