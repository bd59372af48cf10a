"""Plays branches: from one decision on, with one first action, one agent that goes on, and one future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sandbox.api.errors import RunFailedError
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Json
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.moves.native import NativeBrancher
from sandbox.moves.stage import Stage, replay
from sandbox.records.moves import Branch, BranchesOf, BranchResult, Measure
from sandbox.scenarios.resolve import ResolvedScenario


class Brancher:
    """Plays the branches of one decision after the other.

    From a task that restores its state, a decision is reached once by replaying the episode's actions, and
    each branch begins by restoring it. An agent that remembers something looks on while the actions are
    replayed, for each branch anew.

    Args:
        scenario: What is played.
        stage: Where.
        agents: Who may go on.
        measure: What a branch is measured by.
        window: Steps of a branch; to the end if absent.
    """

    def __init__(
        self,
        scenario: ResolvedScenario,
        stage: Stage,
        agents: Sequence[Agent],
        measure: Measure,
        window: int | None = None,
    ) -> None:
        self._scenario, self._stage = scenario, stage
        self._measure, self._window = measure, window
        self.agents = {agent.name: agent for agent in agents}
        self._policies: dict[str, Policy] = {}
        self._restorable = scenario.task.resume == "state"
        fits = stage.redraws and NativeBrancher.fits(scenario)
        self._native = NativeBrancher(scenario, measure, window) if fits else None

    def play(self, point: BranchesOf, actions: Sequence[Any]) -> list[BranchResult]:
        """The branches of a decision.

        Args:
            point: The decision and its branches.
            actions: Of its episode: all rows, for each step.
        """
        prefix = actions[: point.step]
        results: dict[int, BranchResult] = {}
        saved: Any = None
        untouched = False
        if self._restorable and any(self.memoryless(branch.follow) for branch in point.branches):
            replay(self._stage, point.seed, prefix, ())
            ends = self._window is None or point.step + self._window >= len(actions)
            saved, untouched = self._stage.save(hold=not ends), True
            results = self._natively(point, saved.state)
        for place, branch in enumerate(point.branches):
            if place in results:
                continue
            agent, policy = self.agents[branch.follow], self._policy(branch.follow)
            if saved is not None and self.memoryless(branch.follow):
                if not untouched:
                    self._stage.restore(saved)
                policy.reset(self._stage.rows, branch.future)
            else:
                replay(self._stage, point.seed, prefix, [(policy, agent.deterministic)])
            untouched = False
            results[place] = self._play(point, branch, policy, agent.deterministic)
        return [results[place] for place in range(len(point.branches))]

    def close(self) -> None:
        """Close what was made here."""
        if self._native is not None:
            self._native.close()

    def _natively(self, point: BranchesOf, state: Json) -> dict[int, BranchResult]:
        """Those branches, by place, that can be rows of the native vector environment."""
        results: dict[int, BranchResult] = {}
        if self._native is None or any(branch.future is None for branch in point.branches):
            return results
        for name in dict.fromkeys(branch.follow for branch in point.branches):
            places = [place for place, branch in enumerate(point.branches) if branch.follow == name]
            agent = self.agents[name]
            if self.memoryless(name) and self._native.memoryless(agent):
                played = self._native.play(state["env"], agent, [point.branches[place] for place in places])
                results |= dict(zip(places, played, strict=True))
        return results

    def memoryless(self, name: str) -> bool:
        """Whether an agent's action depends on the present alone."""
        agent = self.agents[name]
        if any(known.memoryless and known.name == agent.baseline for known in self._scenario.task.baselines):
            return True
        return bool(getattr(self._policy(name), "memoryless", agent.folder is not None))

    def _policy(self, name: str) -> Policy:
        if name not in self._policies:
            stage = self._stage
            self._policies[name] = policy_of(
                self._scenario, self.agents[name], stage.bare, stage.space, stage.seen
            )
        return self._policies[name]

    def _play(self, point: BranchesOf, branch: Branch, policy: Policy, deterministic: bool) -> BranchResult:
        stage = self._stage
        if branch.future is not None:
            stage.redraw(branch.future)
        total: Array = np.zeros(stage.rows)
        terms: dict[str, float] = {}
        steps = 0
        while not stage.over and (self._window is None or steps < self._window):
            actions = stage.act(policy, deterministic)
            if steps == 0:
                actions = actions.copy()
                actions[point.row] = np.asarray(branch.action, stage.space.dtype)
            rewards, values = stage.step(actions)
            total += rewards
            steps += 1
            for name, value in values.items():
                terms[name] = terms.get(name, 0.0) + value
        if not np.isfinite(total).all():
            raise RunFailedError(f"The reward became {total} in a branch of the episode {point.seed}.")
        return BranchResult(value=self._value(point.row, total), steps=steps, terms=terms)

    def _value(self, row: int, total: Array) -> float:
        if self._measure == "metric":
            return self._stage.metric()
        # Players of a game gain what the others lose: a decision is measured by who took it.
        return float(total[row]) if self._scenario.task.game else float(total.mean())


def terms_of(results: Sequence[BranchResult]) -> dict[str, Array]:
    """Summed reward terms of several branches, by name."""
    names = dict.fromkeys(name for result in results for name in result.terms)
    return {name: np.array([_number(result.terms, name) for result in results]) for name in names}


def _number(terms: Mapping[str, float | None], name: str) -> float:
    value = terms.get(name)
    return float("nan") if value is None else value
