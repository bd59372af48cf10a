"""PPO as it is used on language models (Ziegler et al. 2019; Stiennon et al. 2020; Ouyang et al. 2022).

It begins as the pre-trained model. The value has a network of its own, which begins as the same model with a
linear layer, so that its errors do not move the policy. Rewards, the KL's penalty among them, are the
environment's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sandbox.api import TrainContext, driven
from sandbox.api.types import Array
from sandbox.backends.language.learner import LanguageLearner
from sandbox.backends.language.losses import clipped, reduced
from sandbox.backends.language.model import CausalModel, token_log_probs
from sandbox.backends.language.writing import Written, tensor


class ValueModel(nn.Module):
    """What a text will earn after each of its tokens.

    Args:
        model: The language model whose layers it begins with, copied.
    """

    def __init__(self, model: CausalModel) -> None:
        super().__init__()
        network: Any = model.network
        self.body: Any = copy.deepcopy(network.base_model).requires_grad_(True)
        self.value = nn.Linear(int(network.config.hidden_size), 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, windows: Tensor, blank: int) -> Tensor:
        """Values before each token is drawn, ``(n, W)``; 0 at the first place and at blanks."""
        tokens = torch.where(windows == blank, 0, windows)
        hidden = self.body(input_ids=tokens, use_cache=False).last_hidden_state
        values = self.value(hidden)[:, :-1, 0]
        return nn.functional.pad(torch.where(windows[:, 1:] == blank, 0.0, values), (1, 0))


class Ppo(LanguageLearner):
    """The learner of rlhf-ppo."""

    def __init__(self, context: TrainContext) -> None:
        super().__init__(context, "rlhf-ppo")
        self.value = ValueModel(self.model)
        self.trained["value"] = self.value
        self.start()

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Write texts, estimate advantages, take steps."""
        steps, written, figures = self.write()
        windows, places, before = (
            tensor(part) for part in (written.windows, written.places, written.log_probs)
        )
        with torch.no_grad():
            values = self.value(windows, self.model.blank).double().numpy() * written.places
        raw = estimated_advantages(written, values, self.config.gae_lambda)
        targets = tensor(values + raw)
        kept = raw[written.places]
        advantages = tensor((raw - kept.mean()) / (kept.std() + 1e-8) * written.places)
        losses, errors, norms = [], [], []
        for _ in range(self.config.epochs):
            for rows in self.minibatches(len(windows)):
                now = token_log_probs(self.model, windows[rows])
                each = clipped(now, before[rows], advantages[rows], self.config.clip_range)
                policy_loss = reduced(each, places[rows], "bnpo", 1)
                apart = (self.value(windows[rows], self.model.blank) - targets[rows]).square()
                error = reduced(apart, places[rows], "bnpo", 1)
                norms.append(self.step(policy_loss + self.config.value_coef * error))
                losses.append(policy_loss.item())
                errors.append(error.item())
        figures |= {
            "loss": float(np.mean(losses)),
            "value_loss": float(np.mean(errors)),
            "grad_norm": float(np.mean(norms)),
        }
        return steps, self.checked(figures)


def estimated_advantages(written: Written, values: Array, gae_lambda: float) -> Array:
    """Generalised advantage estimates (Schulman et al. 2016) with γ = 1; shape ``(n, W)``, 0 where no token
    is.

    Args:
        written: The texts.
        values: Before each token was drawn, 0 where none was; ``(n, W)``.
        gae_lambda: λ.
    """
    advantages = np.zeros(values.shape)
    later = np.zeros(len(values))
    following = np.zeros(len(values))
    for place in range(values.shape[1] - 1, -1, -1):
        here = written.places[:, place]
        apart = written.rewards[:, place] + following - values[:, place]
        later = np.where(here, apart + gae_lambda * later, 0.0)
        advantages[:, place] = later
        following = np.where(here, values[:, place], 0.0)
    return advantages


train = driven(Ppo)
