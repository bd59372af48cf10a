"""Branches of a decision side by side in the task's native vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.api.policy import Policy
from sandbox.api.types import Array, Json, VectorEnvironment
from sandbox.envs.derived import derived_metrics
from sandbox.envs.infos import add_terms, final_metrics
from sandbox.evaluation.agents import Agent, native_policy
from sandbox.records.moves import Branch, BranchResult, Measure
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario

MAX_ROWS = 4096
"""Branches at once."""


class NativeBrancher:
    """Plays branches as rows, where the native vector environment has ``branch``; see `Task.resume`.

    Args:
        scenario: What is played.
        measure: What a branch is measured by.
        window: Steps of a branch; to the end if absent.
    """

    def __init__(self, scenario: ResolvedScenario, measure: Measure, window: int | None) -> None:
        self._scenario, self._measure, self._window = scenario, measure, window
        self._made: dict[tuple[str, int], tuple[VectorEnvironment, Policy]] = {}

    @staticmethod
    def fits(scenario: ResolvedScenario) -> bool:
        """Whether branches of this scenario can be rows."""
        task = scenario.task
        plain = task.agents == "single" and not scenario.spec.observe and not derived_metrics(task)
        if not plain or task.make_vec is None or task.resume != "state":
            return False
        envs = _make(scenario, 1)
        try:
            return callable(getattr(envs.unwrapped, "branch", None))
        finally:
            envs.close()

    def memoryless(self, agent: Agent) -> bool:
        """Whether an agent's policy for the native environment says that it remembers nothing."""
        policy = self._pair(agent, 1)[1]
        known = self._scenario.task.baselines
        declared = any(baseline.memoryless and baseline.name == agent.baseline for baseline in known)
        return agent.deterministic and (
            declared or bool(getattr(policy, "memoryless", agent.folder is not None))
        )

    def play(self, state: Json, agent: Agent, branches: Sequence[Branch]) -> list[BranchResult]:
        """The branches from a state of the single environment, all followed up by one agent."""
        results: list[BranchResult] = []
        for start in range(0, len(branches), MAX_ROWS):
            results += self._play(state, agent, branches[start : start + MAX_ROWS])
        return results

    def close(self) -> None:
        """Close the environments."""
        for envs, _ in self._made.values():
            envs.close()
        self._made.clear()

    def _pair(self, agent: Agent, rows: int) -> tuple[VectorEnvironment, Policy]:
        if (agent.name, rows) not in self._made:
            envs = _make(self._scenario, rows)
            self._made[agent.name, rows] = envs, native_policy(self._scenario, agent, envs)
        return self._made[agent.name, rows]

    def _play(self, state: Json, agent: Agent, branches: Sequence[Branch]) -> list[BranchResult]:
        dtype = self._pair(agent, len(branches))[0].single_action_space.dtype
        first = np.stack([np.asarray(branch.action, dtype) for branch in branches])
        futures = [int(branch.future or 0) for branch in branches]
        values, lengths, sums = self.rollout(state, agent, first, futures)
        return [
            BranchResult(
                value=float(values[row]),
                steps=int(lengths[row]),
                terms={name: float(each[row]) for name, each in sums.items()},
            )
            for row in range(len(branches))
        ]

    def rollout(
        self, state: Json, agent: Agent, first: Array, futures: Sequence[int]
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Branches as arrays.

        Args:
            state: Of the single environment.
            agent: Who goes on.
            first: First action of every branch, shape ``(n, *action_shape)``.
            futures: Seed of every branch's future.

        Returns:
            Values, numbers of steps, and sums of reward terms, shape ``(n,)`` each.
        """
        rows = len(futures)
        envs, policy = self._pair(agent, rows)
        bare: Any = envs.unwrapped
        observation, info = bare.branch(state, list(futures))
        policy.reset(rows, futures[0])
        totals, lengths, running = np.zeros(rows), np.zeros(rows, int), np.ones(rows, np.bool_)
        metrics: list[dict[str, float]] = [{} for _ in range(rows)]
        sums: dict[str, Array] = {}
        steps = 0
        while running.any() and (self._window is None or steps < self._window):
            actions = policy.act(observation, info.get("action_mask"), True) if steps else first
            observation, reward, terminated, truncated, info = envs.step(actions)
            totals += np.where(running, reward, 0.0)
            lengths += running
            steps += 1
            done = np.asarray(terminated) | np.asarray(truncated)
            add_terms(sums, info, running, done)
            for row in np.flatnonzero(done & running).tolist():
                metrics[row] = final_metrics(info, row)
            running &= ~done
        values = totals if self._measure == "return" else np.array([*map(self._metric, metrics)])
        return values, lengths, sums

    def _metric(self, metrics: dict[str, float]) -> float:
        value = metrics.get(self._scenario.metric.name, float("nan"))
        return value if self._scenario.metric.better == "higher" else -value


def _make(scenario: ResolvedScenario, rows: int) -> VectorEnvironment:
    envs: VectorEnvironment = resolve(scenario.task.make_vec)(
        scenario.evaluation_config, scenario.reward, rows
    )
    return envs
