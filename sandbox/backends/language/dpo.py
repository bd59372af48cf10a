"""Direct preference optimisation (Rafailov et al. 2023): from pairs alone, without a reward model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sandbox.api import TrainContext, driven
from sandbox.api.types import Json
from sandbox.backends.language.learner import LanguageLearner
from sandbox.backends.language.losses import direct_preference
from sandbox.backends.language.model import CausalModel, drawn_places, token_log_probs
from sandbox.backends.language.writing import tensor


class Dpo(LanguageLearner):
    """The learner of dpo; an update a call."""

    def __init__(self, context: TrainContext) -> None:
        super().__init__(context, "dpo", online=False)
        self.start()
        pairs = self.model.pairs()
        starts = tensor(pairs.starts)
        self._texts_of = tensor(pairs.chosen), tensor(pairs.rejected)
        self._places = tuple(drawn_places(texts, starts, self.model.blank) for texts in self._texts_of)
        with torch.no_grad():
            self._before = tuple(
                self._total(self.reference, texts, places)
                for texts, places in zip(self._texts_of, self._places, strict=True)
            )
        self._queue: list[list[int]] = []

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """One step on one batch of pairs."""
        if not self._queue:
            self._queue = [rows.tolist() for rows in self.minibatches(len(self._before[0]))]
        rows = torch.tensor(self._queue.pop(0))
        chosen, rejected = (
            self._total(self.model, texts[rows], places[rows]) - before[rows]
            for texts, places, before in zip(self._texts_of, self._places, self._before, strict=True)
        )
        self.count(1)
        loss = direct_preference(chosen, rejected, self.config.beta).mean()
        norm = self.step(loss)
        return 1, self.checked(
            {
                "loss": loss.item(),
                "accuracy": float((chosen > rejected).float().mean()),
                "margin": self.config.beta * float((chosen - rejected).detach().mean()),
                "grad_norm": norm,
            }
        )

    def _total(self, model: CausalModel, texts: Tensor, places: Tensor) -> Tensor:
        """Log-probability of whole texts given their prompts, ``(m,)``."""
        return (token_log_probs(model, texts) * places).sum(dim=1)

    def get_state(self) -> Json:
        """With the pairs that are left of a pass."""
        return {**super().get_state(), "queue": [list(rows) for rows in self._queue]}

    def set_state(self, state: Json) -> None:
        """Go on from a state."""
        super().set_state(state)
        self._queue = [list(rows) for rows in state["queue"]]


train = driven(Dpo)
