"""One environment from a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.api.types import Environment
from sandbox.envs.derived import DerivedMetricsEnv, derived_metrics
from sandbox.envs.expert import ExpertLabels, MakeExpert
from sandbox.envs.observed import ObservedEnv, observation_of
from sandbox.envs.seeding import EpisodeSeeds
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario


def make_single(
    scenario: ResolvedScenario, render_mode: str | None = None, *, evaluation: bool = False
) -> Any:
    """A ``gymnasium.Env``, or a ``pettingzoo.ParallelEnv`` where the task has several agents."""
    config = scenario.evaluation_config if evaluation else scenario.config
    env: Any = resolve(scenario.task.make)(config, scenario.reward, render_mode)
    observation = observation_of(scenario)
    if scenario.task.agents == "parallel":
        return env
    if metrics := derived_metrics(scenario.task):
        env = DerivedMetricsEnv(env, metrics)
    return env if observation is None else ObservedEnv(env, observation)


@dataclass(frozen=True)
class EnvFactory:
    """Makes one environment, here or in a worker process.

    Args:
        scenario: What to make.
        seeds: Run seed, index of the environment, and the half-open range of its episode seeds; None
            leaves seeding alone.
        evaluation: Use the parameters of evaluation.
        render_mode: As in Gymnasium.
        expert: Labels what is observed after every reset and step.
    """

    scenario: ResolvedScenario
    seeds: tuple[int, int, int, int] | None = None
    evaluation: bool = False
    render_mode: str | None = None
    expert: MakeExpert | None = None

    def __call__(self) -> Environment:
        env = make_single(self.scenario, self.render_mode, evaluation=self.evaluation)
        if self.scenario.task.agents == "parallel":
            from sandbox.envs.multiagent import JointEnv

            env = JointEnv(env, derived_metrics(self.scenario.task))
        resume = self.scenario.task.resume
        if self.expert is not None:
            env = ExpertLabels(env, self.expert)
            if resume == "state" and not self.expert.memoryless:
                resume = "replay"  # what the expert remembers comes back by playing the episode again
        if self.seeds is not None:
            env = EpisodeSeeds(env, *self.seeds, resume=resume)
        checked: Environment = env
        return checked
