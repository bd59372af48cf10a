"""Writing as a decision process (Ziegler et al. 2019; Stiennon et al. 2020), for many texts at a time.

    state   sₜ = the prompt and the tokens so far
    action  aₜ = the next token
    reward  the reward model's value at the last token, and at each the log-ratio to the pre-trained model

A text ends with the model's end token, or after ``config.tokens`` tokens. Nothing is drawn but the prompt:
tokens are the agent's.

**Who knows the KL.** The environment knows the pre-trained model, and not the agent. log π₀(aₜ | sₜ) is
computed here; an agent that draws says with which log-probability it did (`Writing.declare`), before the
step. KL is the mean of log π − log π₀ over what π draws. For an agent that declares nothing log π is taken
as 0, which is right for one that has no choice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox.api.types import Array, Bools, Json
from sandbox_language.config import LanguageConfig
from sandbox_language.reward import Transition

_STATE = ("windows", "starts", "kl", "surprisal", "score")


class Writing:
    """Some texts, each at a place of its own.

    Args:
        config: The task's parameters.
        count: Texts.

    Attributes:
        windows: Prompt and tokens so far, filled up with ``blank``; shape ``(count, W)``.
        starts: Tokens of each prompt, shape ``(count,)``.
        kl: Sum of log-ratios so far (nats), shape ``(count,)``.
        surprisal: Sum of −log π₀ so far (nats), shape ``(count,)``.
        score: The reward model's value of finished texts, shape ``(count,)``.
    """

    def __init__(self, config: LanguageConfig, count: int) -> None:
        from sandbox_language.networks.load import material
        from sandbox_language.networks.reward_model import reward_model

        self.config = config
        self.material = material(config)
        self.reference, self._reward = self.material.model, reward_model(config)
        model = self.reference.model
        self.vocabulary, self.window, self.blank = model.vocabulary, model.window, model.blank
        self.windows = np.full((count, self.window), self.blank, np.int64)
        self.starts = np.ones(count, np.int64)
        self.windows[:, 0] = 0
        self.kl, self.surprisal, self.score = np.zeros(count), np.zeros(count), np.zeros(count)
        self._declared: NDArray[np.float64] | None = None

    @property
    def lengths(self) -> Array:
        """Tokens of each text, its prompt included; shape ``(count,)``."""
        lengths: Array = (self.windows != self.blank).sum(axis=1)
        return lengths

    @property
    def limits(self) -> Array:
        """Tokens that each text has at most, its prompt included; shape ``(count,)``."""
        return np.asarray(self.starts + self.config.tokens)

    @property
    def finished(self) -> Bools:
        """Which texts have ended."""
        ended: Bools = self.reference.finished(self.windows, self.limits) & (self.lengths > self.starts)
        return ended

    def begin(self, rows: Array, prompt: int) -> None:
        """Give some texts a prompt."""
        self.windows[rows], self.starts[rows] = self.material.prompts[prompt], self.material.starts[prompt]
        self.kl[rows], self.surprisal[rows], self.score[rows] = 0.0, 0.0, 0.0

    def draw_prompt(self, rng: np.random.Generator) -> int:
        """A prompt, all with the same chance."""
        return int(rng.integers(len(self.material.prompts)))

    def declare(self, log_probs: Array) -> None:
        """Say with which log-probabilities the tokens of the coming step were drawn, shape ``(count,)``.

        Raises:
            InvalidValueError: For another shape, or what are no log-probabilities.
        """
        values = np.array(log_probs, np.float64)
        if values.shape != self.kl.shape:
            raise InvalidValueError(
                f"Log-probabilities of tokens have the shape {self.kl.shape}, not {values.shape}."
            )
        if np.isnan(values).any():
            raise InvalidValueError("A log-probability of a token is not a number.")
        self._declared = values

    def step(self, tokens: Array) -> Transition:
        """Write a token at the end of every text that has not ended.

        Args:
            tokens: Shape ``(count,)``.
        """
        rows = np.flatnonzero(~self.finished)
        ratio, score = np.zeros(len(self.windows)), np.zeros(len(self.windows))
        if len(rows):
            chosen = np.asarray(tokens, np.int64)[rows]
            known = self.reference.next_log_probs(self.windows[rows])[np.arange(len(rows)), chosen]
            declared = 0.0 if self._declared is None else self._declared[rows]
            ratio[rows] = declared - known
            self.windows[rows, self.lengths[rows]] = chosen
            self.kl[rows] += ratio[rows]
            self.surprisal[rows] -= known
            ended = rows[self.finished[rows]]
            if len(ended):
                score[ended] = self.score[ended] = self._reward.values(self.windows[ended])
        self._declared = None
        return Transition(score, ratio)

    def observe(self) -> Array:
        """The windows, shape ``(count, W)``."""
        return self.windows.copy()

    def text(self, row: int) -> str:
        """Prompt and tokens of a text in words."""
        return self.reference.model.text(self.windows[row])

    def get_state(self) -> Json:
        """All that changes."""
        return {name: getattr(self, name).copy() for name in _STATE}

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        for name in _STATE:
            setattr(self, name, np.array(state[name]))
        self._declared = None
