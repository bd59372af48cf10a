"""A causal language model on windows of tokens; what algorithms fine-tune."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api.types import Array
from sandbox_language.preferences import Pairs

Windows = NDArray[np.int64]


class LanguageModel:
    """A model of transformers with its tokeniser.

    A window holds a text from its beginning, filled up with `blank`: shape ``(n, window)``. As attention
    looks back only, what fills it changes nothing before it.

    Args:
        network: Any causal language model; dropout is off.
        tokenizer: ``tokenizers.Tokenizer``.
        end: The token that ends a text, or None.
        window: W.
        pairs: Makes the pairs of texts that people compared, for algorithms that learn from them.

    Attributes:
        vocabulary: V, tokens that there are.
    """

    def __init__(
        self,
        network: nn.Module,
        tokenizer: Any,
        end: int | None,
        window: int,
        pairs: Callable[[], Pairs] | None = None,
    ) -> None:
        self.network: Any = network.eval()
        self.tokenizer, self.end, self.window = tokenizer, end, window
        self.vocabulary = int(self.network.config.vocab_size)
        self._pairs = pairs

    @property
    def blank(self) -> int:
        """What fills a window; no token."""
        return self.vocabulary

    def pairs(self) -> Pairs:
        """Pairs of texts that people compared, those that the reward model was fitted to."""
        if self._pairs is None:
            raise RuntimeError("this model was made without preferences")
        return self._pairs()

    def log_probs(self, windows: Tensor) -> Tensor:
        """Log-probabilities of the token after each place, ``(n, L, V)``, L the longest text's length."""
        tokens = self.shown(windows)
        logits: Tensor = self.network(input_ids=tokens, use_cache=False).logits
        return torch.log_softmax(logits.float(), dim=-1)

    def next_log_probs(self, windows: Tensor) -> Tensor:
        """Log-probabilities of the token after each text, shape ``(n, V)``."""
        last = (windows != self.blank).sum(dim=1) - 1
        return self.log_probs(windows)[torch.arange(len(windows)), last]

    def shown(self, windows: Tensor) -> Tensor:
        """Windows as the network takes them: cut to the longest text, blanks as any token."""
        longest = int((windows != self.blank).sum(dim=1).max())
        cut = windows[:, :longest]
        return torch.where(cut == self.blank, 0, cut)

    def text(self, window: Array) -> str:
        """A window in words, without what marks its beginning and end."""
        tokens = [int(token) for token in window if token not in (self.blank, self.end)]
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text


class Reference:
    """A language model that is not trained, for arrays of NumPy.

    Args:
        model: Its weights must not change.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        model.network.requires_grad_(False)

    def next_log_probs(self, windows: Windows) -> NDArray[np.float64]:
        """See `LanguageModel.next_log_probs`."""
        with torch.inference_mode():
            values = self.model.next_log_probs(torch.from_numpy(np.ascontiguousarray(windows)))
        array: NDArray[np.float64] = values.double().numpy()
        return array

    def complete(
        self, windows: Windows, limits: Array, rng: np.random.Generator
    ) -> tuple[Windows, NDArray[np.float64]]:
        """Draw on until every text has ended.

        Args:
            windows: Texts so far, shape ``(n, W)``.
            limits: Tokens that each text has at most, prompt included, shape ``(n,)``.
            rng: Draws.

        Returns:
            The whole texts, and the log-probability of each of their tokens that was drawn, 0 elsewhere, both
            ``(n, W)``.
        """
        windows = windows.copy()
        drawn = np.zeros(windows.shape)
        while len(rows := np.flatnonzero(~self.finished(windows, limits))):
            values = self.next_log_probs(windows[rows])
            tokens = draw(values, rng)
            places = (windows[rows] != self.model.blank).sum(axis=1)
            windows[rows, places] = tokens
            drawn[rows, places] = values[np.arange(len(rows)), tokens]
        return windows, drawn

    def finished(self, windows: Windows, limits: Array) -> NDArray[np.bool_]:
        """Which texts have ended, shape ``(n,)``."""
        lengths = (windows != self.model.blank).sum(axis=1)
        last = windows[np.arange(len(windows)), lengths - 1]
        ended = last == (-1 if self.model.end is None else self.model.end)
        done: NDArray[np.bool_] = ended | (lengths >= limits)
        return done


def draw(log_probs: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A token a row from log-probabilities ``(n, V)``, one random number each."""
    total = np.exp(log_probs).cumsum(axis=1)
    level = rng.random(len(log_probs))[:, None] * total[:, -1:]
    return np.asarray(np.minimum((total <= level).sum(axis=1), log_probs.shape[1] - 1), np.int64)
