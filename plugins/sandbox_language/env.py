"""The environments: a text an episode, or several texts on one prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api import ObservationField, batched
from sandbox.api.types import Array, Bools, Json
from sandbox_language.config import LanguageConfig, TextsConfig
from sandbox_language.process import Writing
from sandbox_language.quality import measures
from sandbox_language.reward import Transition


class SingleText:
    """A text an episode, a token a step; `sandbox.api.BatchedCore`.

    - Observation: ``(W,)``: the tokens of the prompt and the text, filled up with V, which is no token.
    - Action: the next token, 0 to V − 1.
    - Termination: at the end token, or after ``config.tokens`` tokens.
    """

    def __init__(self, config: LanguageConfig, num_envs: int) -> None:
        self.config = config
        self.process = Writing(config, num_envs)
        self.observation_space, self.action_space = _spaces(self.process)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """A new prompt."""
        self.process.begin(np.array([row]), self.process.draw_prompt(rng))

    def declare(self, log_probs: Array) -> None:
        """See `Writing.declare`."""
        self.process.declare(log_probs)

    def step(self, actions: Array) -> Transition:
        """A token of every text."""
        return self.process.step(actions)

    def observe(self) -> Array:
        """What is written."""
        return self.process.observe()

    def ends(self) -> tuple[Bools, bool]:
        """Which texts have ended."""
        return self.process.finished, False

    def metrics(self, row: int) -> Mapping[str, float]:
        """What the text is worth."""
        return measures(self.process, np.array([row]))

    def get_state(self) -> Json:
        """All that changes."""
        return self.process.get_state()

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        self.process.set_state(state)


class SeveralTexts:
    """k texts on one prompt, each an agent's, measured together; `sandbox.api.ParallelCore`.

    Spaces are those of `SingleText` for each agent; an agent leaves when its text ends.
    """

    def __init__(self, config: TextsConfig, num_envs: int) -> None:
        self.config = config
        self.agents: Sequence[str] = [f"text_{number}" for number in range(config.texts)]
        self.process = Writing(config, num_envs * config.texts)
        self._shape = (num_envs, config.texts)
        self.observation_space, self.action_space = _spaces(self.process)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """A new prompt for all texts."""
        self.process.begin(self._of(row), self.process.draw_prompt(rng))

    def declare(self, log_probs: Array) -> None:
        """See `Writing.declare`; the texts of an environment follow one another."""
        self.process.declare(log_probs)

    def step(self, actions: Array) -> Transition:
        """A token of every text that has not ended."""
        happened = self.process.step(actions.reshape(-1))
        return Transition(happened.score.reshape(self._shape), happened.kl.reshape(self._shape))

    def observe(self) -> Array:
        """What is written."""
        return self.process.observe().reshape(*self._shape, -1)

    def ends(self) -> tuple[Bools, bool]:
        """Which texts have ended."""
        return self.process.finished.reshape(self._shape), False

    def metrics(self, row: int) -> Mapping[str, float]:
        """What the texts are worth."""
        return measures(self.process, self._of(row))

    def get_state(self) -> Json:
        """All that changes."""
        return self.process.get_state()

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        self.process.set_state(state)

    def _of(self, row: int) -> Array:
        """The texts of an episode."""
        return np.arange(row * self.config.texts, (row + 1) * self.config.texts)


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are."""
    process: Writing = env.core.process
    meaning = (
        f"numbers of the prompt's tokens and then of the text's, 0 to {process.vocabulary - 1}; "
        f"{process.blank} where nothing is written yet"
    )
    return [ObservationField("token", "token", meaning, shape=(process.window,))]


def _spaces(process: Writing) -> tuple[spaces.MultiDiscrete, spaces.Discrete]:
    """Of one text."""
    observation = spaces.MultiDiscrete(np.full(process.window, process.vocabulary + 1))
    return observation, spaces.Discrete(process.vocabulary)


make, make_vec = batched(SingleText)
make_texts, make_texts_vec = batched(SeveralTexts)
