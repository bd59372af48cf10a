"""What a task's pre-trained language model has to offer to be fine-tuned here."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sandbox.api.errors import MisfitError
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array


class PreferencePairs(Protocol):
    """Pairs of texts on the same prompt, of which somebody preferred one.

    Attributes:
        chosen, rejected: Windows, shape ``(m, W)``.
        starts: Tokens of the prompts, shape ``(m,)``.
    """

    @property
    def chosen(self) -> Array: ...

    @property
    def rejected(self) -> Array: ...

    @property
    def starts(self) -> Array: ...


@runtime_checkable
class CausalModel(Protocol):
    """A language model; `sandbox.api.Task.pretrained`.

    A task's observation is a window: prompt and tokens so far, filled up with ``blank``, ``(W,)``; its
    action is the next token.

    Attributes:
        network: The part that is trained; its ``state_dict`` is what is saved.
        vocabulary: V, tokens that there are.
        blank: What fills a window.
    """

    network: nn.Module
    vocabulary: int

    @property
    def blank(self) -> int: ...

    def log_probs(self, windows: Tensor) -> Tensor:
        """Log-probabilities of the token after each place, ``(n, L, V)``, L the longest text's length."""
        ...

    def next_log_probs(self, windows: Tensor) -> Tensor:
        """Log-probabilities of the token after each text, ``(n, V)``."""
        ...

    def pairs(self) -> PreferencePairs:
        """Comparisons by people to learn from."""
        ...


def model_of(models: TaskModels | None) -> CausalModel:
    """A new copy of the pre-trained language model of a task.

    Raises:
        MisfitError: If the task has none.
    """
    model: Any = None if models is None else models.pretrained
    if not isinstance(model, CausalModel):
        task = "The environment" if models is None else f"The task {models.task}"
        raise MisfitError(f"{task} has no pre-trained language model.", "Take a task of the domain language.")
    return model


def token_log_probs(model: CausalModel, windows: Tensor) -> Tensor:
    """Log-probability of every token given those before it, 0 for the first and for blanks, ``(n, W)``."""
    ahead = model.log_probs(windows)
    longest = ahead.shape[1]
    tokens = windows[:, 1:longest]
    blank = tokens == model.blank
    known = ahead[:, :-1].gather(2, torch.where(blank, 0, tokens)[:, :, None])[:, :, 0]
    padding = (1, windows.shape[1] - longest)
    return nn.functional.pad(torch.where(blank, 0.0, known), padding)


def drawn_places(windows: Tensor, starts: Tensor, blank: int) -> Tensor:
    """Which places of windows hold tokens that follow the prompt, boolean ``(n, W)``."""
    place = torch.arange(windows.shape[1])
    return (place >= starts[:, None]) & (windows != blank)
