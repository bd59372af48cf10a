"""An episode that a person plays, alone or with an agent in the other seats."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import InvalidValueError, MisfitError, UnknownNameError
from sandbox.api.game import ActionValue, Explains
from sandbox.api.hand import ByHand, Scene
from sandbox.api.processes import one_thread
from sandbox.envs.single import EnvFactory
from sandbox.evaluation.agents import Agent, policy_of
from sandbox.evaluation.named_agents import resolve_agents
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario

MAX_STEPS = 100_000
"""Steps in which the person is not asked, after which the episode is taken to be endless."""


@dataclass(frozen=True)
class Turn:
    """Something that was done.

    Attributes:
        seat: Who did it.
        label: What, in the words of the task.
        table: What the agent thought of its actions, each with its label; empty for the person and for agents
            that do not say.
    """

    seat: str
    label: str
    table: tuple[tuple[str, ActionValue], ...] = ()


class HandSession:
    """One episode by hand.

    In a task with several agents the environment is that of training, so that all seats are free; in one
    with a single agent it is that of evaluation.

    Args:
        scenario: What is played.
        agent: Who plays the other seats: a run directory, a baseline or ``random``; None where there are
            none.
        seat: Which seat the person takes; the first if absent.
        seed: Episode seed.

    Raises:
        MisfitError: If nobody can play the task by hand.
        UnknownNameError: For a seat or an agent that there is none of.
        InvalidValueError: If an agent is named where there is no seat for it.
    """

    def __init__(
        self, scenario: ResolvedScenario, agent: str | None, seat: str | None = None, seed: int = 0
    ) -> None:
        if scenario.task.play is None:
            raise MisfitError(
                f"Nobody can play {scenario.spec.task} by hand: its plugin does not say how.",
                "Films show it: sandbox render.",
            )
        self.scenario, self.seed = scenario, seed
        joint = scenario.task.agents == "parallel"
        self._env: Any = EnvFactory(scenario, evaluation=not joint)()
        self._row_space = getattr(self._env, "row_action_space", None)
        self._bare: Any = getattr(self._env, "parallel", self._env).unwrapped
        self._hand: ByHand = resolve(scenario.task.play)(self._bare)
        self.seats = seats = self._hand.seats
        if seat is not None and seat not in seats:
            raise UnknownNameError("seat", seat, seats)
        self.seat = seats[0] if seat is None else seat
        self._row = seats.index(self.seat)
        self._joint, self._rows = joint, len(seats)
        if joint == (agent is None):
            raise InvalidValueError(
                "The other seats need somebody who plays them."
                if joint
                else "There is no seat for an agent.",
                "Add --agent with a run directory or a baseline." if joint else "Leave --agent out.",
            )
        self._scratch = tempfile.TemporaryDirectory(prefix="sandbox-agents-")
        self.agent: Agent | None = None
        self._policy: Any = None
        if agent is not None:
            (self.agent,) = resolve_agents([agent], scenario, Path(self._scratch.name))
            with one_thread():
                self._policy = policy_of(scenario, self.agent, self._bare, self._row_space)
        self.turns: list[Turn] = []
        self.metrics: dict[str, float] | None = None
        self._begin()

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.metrics is not None

    def scene(self) -> Scene:
        """The present moment, at which the person is asked or the episode is over."""
        return self._hand.scene(self._row)

    def choose(self, label: str) -> list[Turn]:
        """Do what a choice says, and let the others act until the person is asked again.

        Returns:
            What was done, the person's choice first.

        Raises:
            InvalidValueError: If there is no such choice now.
        """
        choices = {choice.label: choice.action for choice in self.scene().choices}
        if label not in choices:
            known = ", ".join(choices) or "none: the episode is over"
            raise InvalidValueError(f"'{label[:40]}' is none of the choices.", f"Choices: {known}.")
        before = len(self.turns)
        self._step(choices[label], label)
        self._advance()
        return self.turns[before:]

    def advice(self) -> tuple[tuple[str, ActionValue], ...]:
        """What the agent thinks of the person's choices; nothing where it does not say."""
        if self._policy is None or self.over:
            return ()
        self._ask()
        return self._table(self._row)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
        self._scratch.cleanup()

    def _begin(self) -> None:
        self._observation, self._info = self._env.reset(seed=self.seed)
        if self._policy is not None:
            self._policy.reset(self._rows, self.seed)
        self._advance()

    def _advance(self) -> None:
        """Let others act until the person is asked or the episode is over."""
        for _ in range(MAX_STEPS):
            if self.over or self.scene().choices:
                return
            self._step(None, "")
        raise InvalidValueError("The episode goes on and on without asking.")

    def _step(self, chosen: Any, label: str) -> None:
        actions = self._ask() if self._joint else None
        acting = self._acting()
        turns = []
        for row in acting:
            if row == self._row and chosen is not None:
                turns.append(Turn(self._hand.seats[row], label))
            elif actions is not None and row != self._row:
                turns.append(Turn(self._hand.seats[row], self._hand.label(actions[row]), self._table(row)))
        if actions is None:
            action = chosen
        else:
            action = np.array(actions)
            action[self._row] = self._waiting() if chosen is None else chosen
        step = self._env.step(action)
        self._observation, _, terminated, truncated, self._info = step
        self.turns += turns
        if terminated or truncated:
            self.metrics = {name: float(value) for name, value in self._info.get("metrics", {}).items()}

    def _ask(self) -> Any:
        """The agent's actions for all rows."""
        mask = self._info.get("action_mask")
        with one_thread():
            return self._policy.act(
                np.asarray(self._observation), None if mask is None else np.asarray(mask, bool), True
            )

    def _acting(self) -> list[int]:
        """Rows with something to choose; the others wait."""
        mask = self._info.get("action_mask")
        if not self._joint:
            return [0]
        if mask is None:
            return list(range(self._rows))
        person = [self._row] if self.scene().choices else []
        return sorted({*person, *(row for row in range(self._rows) if row != self._row and not person)})

    def _waiting(self) -> Any:
        mask = self._info.get("action_mask")
        return int(np.asarray(mask)[self._row].argmax()) if mask is not None else 0

    def _table(self, row: int) -> tuple[tuple[str, ActionValue], ...]:
        if not isinstance(self._policy, Explains):
            return ()
        return tuple((self._hand.label(one.action), one) for one in self._policy.explain()[row])
