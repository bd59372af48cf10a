"""One environment from a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.api.types import Environment
from sandbox.envs.seeding import EpisodeSeeds
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
        seeds: Run seed, index of the environment, and the half-open range of its episode seeds; None
            leaves seeding alone.
        evaluation: Use the parameters of evaluation.
        render_mode: As in Gymnasium.
    """

    scenario: ResolvedScenario
    seeds: tuple[int, int, int, int] | None = None
    evaluation: bool = False
    render_mode: str | None = None

    def __call__(self) -> Environment:
        env = make_single(self.scenario, self.render_mode, evaluation=self.evaluation)
        if self.scenario.task.agents == "parallel":
            from sandbox.envs.multiagent import JointEnv

            env = JointEnv(env)
        if self.seeds is not None:
            env = EpisodeSeeds(env, *self.seeds, resume=self.scenario.task.resume)
        checked: Environment = env
        return checked
