"""A task as a Markov decision process with finitely many states and actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import PluginError
from sandbox.api.types import Array

TOLERANCE = 1e-8
"""How far the probabilities of a state's successors may sum from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class FiniteModel:
    """Transition probabilities and expected rewards of a task; what ``Task.finite_model`` gives.

    S states and A actions, each state and action with at most K successors:

        Q(s, a) = rewards[s, a] + discount · Σₖ probabilities[s, a, k] · V(successors[s, a, k])

    Attributes:
        successors: States that may follow, shape ``(S, A, K)``, integers below S.
        probabilities: How likely each is, shape ``(S, A, K)``; 0 where there are fewer than K.
        rewards: Expected reward of a step with the task's weights, shape ``(S, A)``.
        initial: How likely an episode is to begin in each state, shape ``(S,)``.
        actions: The action that each index stands for, as the environment takes it; shape
            ``(A, *action_shape)``.
        state_index: From a batch of n observations to the indices of their states, shape ``(n,)``.
        observe: From n state indices to what an agent observes in them, n rows.
        discount: Factor of the value a step later, in (0, 1].
        horizon: Steps after which an episode is cut off, or None. States do not count them: a task in
            which the time left matters has it in its states.
        terminal: States in which the process has ended, shape ``(S,)``; None for none. Nothing follows
            them, and their own entries do not count.
        allowed: Actions that are allowed, shape ``(S, A)``; None for all.
    """

    successors: NDArray[np.integer[Any]]
    probabilities: NDArray[np.floating[Any]]
    rewards: NDArray[np.floating[Any]]
    initial: NDArray[np.floating[Any]]
    actions: Array
    state_index: Callable[[Any], NDArray[np.integer[Any]]]
    observe: Callable[[NDArray[np.integer[Any]]], Any]
    discount: float = 1.0
    horizon: int | None = None
    terminal: NDArray[np.bool_] | None = None
    allowed: NDArray[np.bool_] | None = None

    @property
    def num_states(self) -> int:
        """S."""
        return int(self.rewards.shape[0])

    @property
    def num_actions(self) -> int:
        """A."""
        return int(self.rewards.shape[1])

    @property
    def criterion(self) -> Literal["discounted", "total", "average"]:
        """What is to be maximised: ``total`` where episodes end by themselves, ``average`` where nothing
        discounts and nothing ends.
        """
        if self.discount < 1.0:
            return "discounted"
        return "total" if self.terminal is not None and bool(self.terminal.any()) else "average"

    def action_values(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Q of every state and action for given values of the states.

        Args:
            values: Shape ``(S,)``; those of terminal states are taken to be 0.

        Returns:
            Shape ``(S, A)``; -inf where an action is not allowed.
        """
        following = values if self.terminal is None else np.where(self.terminal, 0.0, values)
        expected = (self.probabilities * following[self.successors]).sum(axis=-1)
        q: NDArray[np.float64] = self.rewards + self.discount * expected
        return q if self.allowed is None else np.where(self.allowed, q, -np.inf)

    def check(self) -> FiniteModel:
        """Itself, if shapes, indices and probabilities are right.

        Raises:
            PluginError: Says what is wrong, and in which state.
        """
        for complaint in (self._wrong_shape(), self._wrong_numbers()):
            if complaint:
                raise PluginError(f"The finite model is wrong: {complaint}.")
        return self

    def _wrong_shape(self) -> str:
        if self.successors.ndim != 3 or self.probabilities.shape != self.successors.shape:
            return (
                f"successors have shape {self.successors.shape}, probabilities {self.probabilities.shape}; "
                "both should be (states, actions, successors)"
            )
        states, actions, _ = self.successors.shape
        wanted: dict[str, tuple[int, ...]] = {
            "rewards": (states, actions),
            "initial": (states,),
            "terminal": (states,),
            "allowed": (states, actions),
        }
        for name, shape in wanted.items():
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                return f"{name} has shape {values.shape}, not {shape}"
        if len(self.actions) != actions:
            return f"there are {len(self.actions)} actions, but {actions} columns"
        return ""

    def _wrong_numbers(self) -> str:  # noqa: PLR0911 - one per mistake
        if not 0.0 < self.discount <= 1.0:
            return f"the discount is {self.discount:g}, outside (0, 1]"
        if self.successors.size and not 0 <= self.successors.min() <= self.successors.max() < self.num_states:
            return "a successor is no state"
        for name, values in (("probabilities", self.probabilities), ("initial", self.initial)):
            if not (np.isfinite(values).all() and (values >= 0).all()):
                return f"{name} holds a negative number or NaN"
        if abs(float(self.initial.sum()) - 1) > TOLERANCE:
            return f"the initial probabilities sum to {self.initial.sum():g}"
        counted = np.ones(self.rewards.shape, np.bool_) if self.allowed is None else self.allowed.copy()
        if self.terminal is not None:
            counted[self.terminal] = False
        off = np.abs(self.probabilities.sum(axis=-1) - 1) * counted
        if off.size and off.max() > TOLERANCE:
            state, action = np.unravel_index(off.argmax(), off.shape)
            return (
                f"the successors of state {state} by action {action} have probabilities that sum to "
                f"{self.probabilities[state, action].sum():.9g}"
            )
        if not np.isfinite(self.rewards[counted]).all():
            return "a reward is not finite"
        return ""
