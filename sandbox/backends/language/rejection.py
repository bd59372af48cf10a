"""Rejection sampling: the best texts of every prompt are kept, and the model is fitted to them.

Also known as best-of-n fine-tuning (Touvron et al. 2023, section 3.2.3; RAFT, Dong et al. 2023).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sandbox.api import TrainContext, driven
from sandbox.api.types import Array
from sandbox.backends.language.learner import LanguageLearner
from sandbox.backends.language.losses import reduced
from sandbox.backends.language.model import token_log_probs
from sandbox.backends.language.writing import Written, tensor


class Rejection(LanguageLearner):
    """The learner of rejection-sampling."""

    def __init__(self, context: TrainContext) -> None:
        super().__init__(context, "rejection-sampling")
        self.start()

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Write texts, keep the best, fit the model to them."""
        steps, written, figures = self.write()
        kept = best(written, self.config.keep)
        windows, places = tensor(written.windows[kept]), tensor(written.places[kept])
        losses, norms = [], []
        for _ in range(self.config.epochs):
            for rows in self.minibatches(len(kept)):
                loss = reduced(-token_log_probs(self.model, windows[rows]), places[rows], "bnpo", 1)
                norms.append(self.step(loss))
                losses.append(loss.item())
        figures |= {
            "kept_return": float(written.returns[kept].mean()),
            "loss": float(np.mean(losses)),
            "grad_norm": float(np.mean(norms)),
        }
        return steps, self.checked(figures)


def best(written: Written, share: float) -> Array:
    """Numbers of the texts that earned most of those with the same prompt, at least one a prompt."""
    group, earned = written.groups(), written.returns
    kept = []
    for number in range(int(group.max()) + 1):
        rows = np.flatnonzero(group == number)
        order = rows[np.argsort(-earned[rows], kind="stable")]
        kept.append(order[: max(round(share * len(rows)), 1)])
    return np.concatenate(kept)


train = driven(Rejection)
