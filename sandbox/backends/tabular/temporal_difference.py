"""Tables that are learned from steps: Q-learning, SARSA and Dyna-Q.

Each moves Q(s, a) by the step size α towards a target:

    Q-learning   r + γ max over a' of Q(s', a')     off-policy: of the best action, whatever is played
    SARSA        r + γ Q(s', a')                    on-policy: of the action that is played next
    Dyna-Q       that of Q-learning, for the step and for repeats drawn from a model learned on the way

A terminal s' has no value. A truncated episode has not ended there: its last state keeps its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import Interaction, TrainContext, driven
from sandbox.api.data import Transitions
from sandbox.api.errors import MisfitError
from sandbox.backends.tabular.policy import TablePolicy, load
from sandbox.backends.tabular.states import Indices, StateTable, grown, keys


class TableLearner:
    """Q-learning; see `sandbox.api.Learner`."""

    name = "q-learning"

    def __init__(self, context: TrainContext) -> None:
        self.config, self.total = context.config, context.steps
        self.rng = np.random.default_rng(context.seed)
        space: Any = context.action_space
        self.num_actions, self.start = int(space.n), int(space.start)
        self.states = StateTable(most=self.config.max_states)
        # Rows beyond the number of states are spare.
        self.q = np.empty((0, self.num_actions))
        self.visits = np.empty((0, self.num_actions), np.int64)
        self.allowed = np.empty((0, self.num_actions), np.bool_)
        self.steps = 0
        self.play = Interaction(context)
        if context.initial is not None and context.resume is None:
            self._start_from(load(context.initial), context.initial)

    def _start_from(self, policy: TablePolicy, source: Path) -> None:
        """Begin with the states and values of a saved table; every step size is that of a first update."""
        width, states = keys(self.play.observation).shape[1], policy.states
        actions = np.arange(self.start, self.start + self.num_actions)
        if not np.array_equal(policy.actions, actions) or (len(states) and states.shape[1] != width):
            raise MisfitError(
                f"The table in {source} has other actions or observations than this task.",
                "Start from a run of the same task, or afresh.",
            )
        self.states = StateTable(states, self.config.max_states)
        self.allowed = np.isfinite(policy.values)
        self.q = np.where(self.allowed, policy.values, self.config.initial_value)
        self.visits = np.zeros(self.q.shape, np.int64)

    @property
    def epsilon(self) -> float:
        """Share of random actions now."""
        config = self.config
        done = min(1.0, self.steps / (config.exploration_fraction * self.total))
        return float(config.epsilon_start + done * (config.epsilon_final - config.epsilon_start))

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Step every row once and learn from it."""
        active, state = self.play.active, self._index(self.play.observation, self.play.mask)
        action = self.choose(state, self.play.mask)
        step = self.play.step(action + self.start)
        following = self._index(step.next_observation, None)
        error = self.learn(active, state, action, following, step)
        taken = self.play.rows
        self.steps += taken
        return taken, {"epsilon": self.epsilon, "states": float(len(self.states)), "td_error": error}

    def learn(
        self,
        active: NDArray[np.bool_],
        state: Indices,
        action: Indices,
        following: Indices,
        step: Transitions,
    ) -> float:
        """Update the rows that took part, one after the other; the mean absolute error."""
        errors = [
            self.update(int(state[row]), int(action[row]), self.target(step, row, int(following[row])))
            for row in np.flatnonzero(active).tolist()
        ]
        return float(np.mean(np.abs(errors))) if errors else 0.0

    def target(self, step: Transitions, row: int, following: int) -> float:
        """What Q is moved towards."""
        following_value = 0.0 if step.terminated[row] else self.best(following)
        return float(step.reward[row] + self.config.gamma * following_value)

    def update(self, state: int, action: int, target: float) -> float:
        """Move one entry; the error before."""
        self.visits[state, action] += 1
        rate = self.config.learning_rate / self.visits[state, action] ** self.config.learning_rate_exponent
        error = target - self.q[state, action]
        self.q[state, action] += rate * error
        return float(error)

    def best(self, state: int) -> float:
        """The largest value among the actions that are known to be allowed."""
        return float(self.q[state][self.allowed[state]].max())

    def choose(self, state: Indices, mask: NDArray[np.bool_] | None) -> Indices:
        """ε-greedy actions among those that are allowed, ties broken at random."""
        allowed = self.allowed[state] if mask is None else mask
        values = np.where(allowed, self.q[state], -np.inf)
        tied = values == values.max(axis=1, keepdims=True)
        explores = self.rng.random(len(state)) < self.epsilon
        pool = np.where(explores[:, None], allowed, tied)
        chosen: Indices = np.where(pool, self.rng.random(pool.shape), -1.0).argmax(axis=1)
        return chosen

    def policy(self) -> TablePolicy:
        """The greedy policy of this moment."""
        count = len(self.states)
        values = np.where(self.allowed[:count], self.q[:count], -np.inf)
        actions = np.arange(self.start, self.start + self.num_actions)
        return TablePolicy(self.name, self.states.array(), values, actions, self.epsilon)

    def get_state(self) -> dict[str, Any]:
        """Tables, counters and generator."""
        count = len(self.states)
        return {
            "states": self.states.array().copy(),
            "q": self.q[:count].copy(),
            "visits": self.visits[:count].copy(),
            "allowed": self.allowed[:count].copy(),
            "steps": self.steps,
            "rng": self.rng.bit_generator.state,
            "play": self.play.get_state(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.states = StateTable(state["states"], self.config.max_states)
        self.q, self.visits, self.allowed = (np.array(state[name]) for name in ("q", "visits", "allowed"))
        self.steps = int(state["steps"])
        self.rng.bit_generator.state = state["rng"]
        self.play.set_state(state["play"])

    def _index(self, observation: Any, mask: NDArray[np.bool_] | None) -> Indices:
        """Numbers of the states, with rows of the tables for new ones; what a mask allows is remembered."""
        numbers = self.states.index(keys(observation))
        count = len(self.states)
        self.q = grown(self.q, count, self.config.initial_value)
        self.visits = grown(self.visits, count, 0)
        self.allowed = grown(self.allowed, count, True)
        if mask is not None:
            some = mask.any(axis=1)  # none in the rows of absent agents
            self.allowed[numbers[some]] = mask[some]
        return numbers


class Sarsa(TableLearner):
    """SARSA: the next action is chosen before the update, and played."""

    name = "sarsa"

    def __init__(self, context: TrainContext) -> None:
        super().__init__(context)
        self.coming: Indices | None = None
        self.counted: Indices = np.empty(0, np.int64)

    def choose(self, state: Indices, mask: NDArray[np.bool_] | None) -> Indices:
        """The action that the last update counted on, if there was one."""
        coming, self.coming = self.coming, None
        return super().choose(state, mask) if coming is None else coming

    def learn(
        self,
        active: NDArray[np.bool_],
        state: Indices,
        action: Indices,
        following: Indices,
        step: Transitions,
    ) -> float:
        """Choose what is played next; where an episode was cut off, what would have been."""
        now = self._index(self.play.observation, self.play.mask)
        self.coming = super().choose(now, self.play.mask)
        ended = step.terminated | step.truncated
        self.counted = np.where(ended, super().choose(following, None), self.coming)
        return super().learn(active, state, action, following, step)

    def target(self, step: Transitions, row: int, following: int) -> float:
        """Of the action that is played next."""
        following_value = 0.0 if step.terminated[row] else self.q[following, self.counted[row]]
        return float(step.reward[row] + self.config.gamma * following_value)

    def get_state(self) -> dict[str, Any]:
        """The state of the learner, with the action that is to be played."""
        return {**super().get_state(), "coming": self.coming}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on; environments that are new begin episodes, in which nothing was chosen yet."""
        super().set_state(state)
        coming = state["coming"]
        self.coming = np.array(coming) if coming is not None and self.play.resumed else None


class DynaQ(TableLearner):
    """Dyna-Q: every outcome that was seen is kept with how often; repeats draw from them."""

    name = "dyna-q"

    def __init__(self, context: TrainContext) -> None:
        super().__init__(context)
        self.outcomes: dict[tuple[int, int], dict[tuple[float, int, bool], int]] = {}
        self.tried: list[tuple[int, int]] = []

    def learn(
        self,
        active: NDArray[np.bool_],
        state: Indices,
        action: Indices,
        following: Indices,
        step: Transitions,
    ) -> float:
        """Learn from the step, put it into the model, and learn from the model."""
        error = super().learn(active, state, action, following, step)
        for row in np.flatnonzero(active).tolist():
            outcome = (float(step.reward[row]), int(following[row]), bool(step.terminated[row]))
            self._remember((int(state[row]), int(action[row])), outcome, 1)
        for _ in range(self.config.planning_steps * int(active.sum())):
            pair = self.tried[int(self.rng.integers(len(self.tried)))]
            reward, then, terminated = self._draw(pair)
            self.update(*pair, reward if terminated else reward + self.config.gamma * self.best(then))
        return error

    def get_state(self) -> dict[str, Any]:
        """The state of the learner, with the model as one row an outcome."""
        rows = [
            (*pair, outcome[0], outcome[1], outcome[2], count)
            for pair in self.tried
            for outcome, count in self.outcomes[pair].items()
        ]
        return {**super().get_state(), "model": np.array(rows, np.float64).reshape(-1, 6)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on, the model as it was."""
        super().set_state(state)
        self.outcomes, self.tried = {}, []
        for s, a, reward, following, terminated, count in state["model"]:
            outcome = (float(reward), int(following), bool(terminated))
            self._remember((int(s), int(a)), outcome, int(count))

    def _remember(self, pair: tuple[int, int], outcome: tuple[float, int, bool], count: int) -> None:
        if pair not in self.outcomes:
            self.outcomes[pair] = {}
            self.tried.append(pair)
        known = self.outcomes[pair]
        known[outcome] = known.get(outcome, 0) + count

    def _draw(self, pair: tuple[int, int]) -> tuple[float, int, bool]:
        known = self.outcomes[pair]
        place = int(self.rng.integers(sum(known.values())))
        for outcome, count in known.items():
            place -= count
            if place < 0:
                return outcome
        raise AssertionError("counts are positive")


train_q_learning = driven(TableLearner)
train_sarsa = driven(Sarsa)
train_dyna_q = driven(DynaQ)
