"""The fine-tuned language model as a policy: draws the next token."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from gymnasium import spaces

from sandbox.api.errors import MisfitError
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array, Bools, Space
from sandbox.backends.language.model import CausalModel, model_of
from sandbox.backends.task_network import TaskNetworkPolicy


class LanguagePolicy(TaskNetworkPolicy[CausalModel]):
    """The distribution of the next token; implements `sandbox.api.Policy`.

    An environment whose core has a method ``declare`` is told the log-probability of every token that is
    drawn. A `snapshot` has to be bound to an environment to declare.
    """

    _declare: Callable[[Array], None] | None = None

    @staticmethod
    def require_spaces(observation_space: Space, action_space: Space) -> None:
        """Windows of tokens, and the next token."""
        if not isinstance(action_space, spaces.Discrete) or not isinstance(
            observation_space, spaces.MultiDiscrete
        ):
            raise MisfitError("A language model sees a window of tokens (MultiDiscrete) and chooses one.")

    @staticmethod
    def model_of(models: TaskModels | None) -> CausalModel:
        """A new copy of the task's pre-trained language model."""
        return model_of(models)

    @staticmethod
    def copied(model: CausalModel) -> CausalModel:
        """Another network beside the same vocabulary and comparisons."""
        other = copy.copy(model)
        other.network = copy.deepcopy(model.network)
        return other

    def bind(self, env: Any, models: TaskModels | None) -> None:
        """Make the network that the weights are for, and find out whom to tell probabilities.

        Raises:
            MisfitError: If the task has no language model, or one of other layers.
        """
        self._declare = getattr(getattr(env, "core", None), "declare", None)
        super().bind(env, models)

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """The next tokens; see `sandbox.api.Policy.act`.

        Raises:
            MisfitError: Before it is bound.
        """
        windows = np.asarray(observation, np.int64)
        if self.stochastic or not deterministic:
            return self.draw(windows, np.ones(len(windows), np.bool_))[0]
        tokens = np.asarray(self.log_probs(windows).argmax(axis=1))
        self._tell(np.zeros(len(tokens)))
        return tokens

    def draw(self, windows: Array, wanted: Bools) -> tuple[Array, Array]:
        """Tokens and their log-probabilities, 0 for rows that are not wanted; both ``(n,)``."""
        tokens, known = np.zeros(len(windows), np.int64), np.zeros(len(windows))
        rows = np.flatnonzero(wanted)
        level = self.generator.random(len(windows))[rows]
        if len(rows):
            values = self.log_probs(windows[rows])
            total = np.exp(values).cumsum(axis=1)
            below = (total <= (level * total[:, -1])[:, None]).sum(axis=1)
            tokens[rows] = np.minimum(below, values.shape[1] - 1)
            known[rows] = values[np.arange(len(rows)), tokens[rows]]
        self._tell(known)
        return tokens, known

    def log_probs(self, windows: Array) -> Array:
        """Log-probabilities of the next token, ``(n, V)``."""
        model = self.bound()
        with torch.inference_mode():
            values = model.next_log_probs(torch.from_numpy(np.ascontiguousarray(windows)))
        return np.asarray(values.double().numpy())

    def snapshot(self) -> Self:
        """A copy that further training does not change, and that declares nothing until it is bound."""
        other = super().snapshot()
        other._declare = None
        return other

    def _tell(self, log_probs: Array) -> None:
        if self._declare is not None:
            self._declare(log_probs)


load = LanguagePolicy.load
