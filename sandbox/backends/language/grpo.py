"""Group relative policy optimisation (Shao et al. 2024): texts of a prompt are compared with one another.

A token's advantage is what its text earns from it on, against the mean over the texts of the same prompt.
Where only the last token earns anything, it is the text's reward against that mean, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sandbox.api import TrainContext, driven
from sandbox.api.types import Array
from sandbox.backends.language.learner import LanguageLearner
from sandbox.backends.language.losses import clipped, k3, reduced
from sandbox.backends.language.model import token_log_probs
from sandbox.backends.language.writing import Written, tensor, to_go


class Grpo(LanguageLearner):
    """The learner of grpo."""

    def __init__(self, context: TrainContext) -> None:
        super().__init__(context, "grpo")
        self.start()

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Write texts, take steps."""
        steps, written, figures = self.write()
        advantages = tensor(group_advantages(written, self.config.scale_rewards))
        windows, places, before = (
            tensor(part) for part in (written.windows, written.places, written.log_probs)
        )
        reference = self.known(self.reference, windows) if self.config.beta else None
        most = windows.shape[1] - int(written.starts.min())
        losses, norms, outside = [], [], []
        for _ in range(self.config.num_iterations):
            for rows in self.minibatches(len(windows)):
                now = token_log_probs(self.model, windows[rows])
                each = clipped(now, before[rows], advantages[rows], self.config.epsilon)
                if reference is not None:
                    each = each + self.config.beta * k3(now, reference[rows])
                loss = reduced(each, places[rows], self.config.loss_type, most)
                norms.append(self.step(loss))
                losses.append(loss.item())
                beyond = ((now - before[rows]).exp() - 1).abs() > self.config.epsilon
                outside.append(float((beyond & places[rows]).sum() / places[rows].sum()))
        figures |= {
            "loss": float(np.mean(losses)),
            "grad_norm": float(np.mean(norms)),
            "clip_fraction": float(np.mean(outside)),
        }
        return steps, self.checked(figures)


def group_advantages(written: Written, scale: str) -> Array:
    """Advantages of tokens, shape ``(n, W)``, 0 where there is none.

    Texts whose prompt no other has are compared with all texts of the batch.

    Args:
        written: The texts.
        scale: See `sandbox.backends.language.config.GrpoConfig.scale_rewards`.
    """
    group = written.groups()
    everyone = np.arange(len(group))
    earned = to_go(written.rewards)
    advantages = np.zeros(earned.shape)
    for number in range(int(group.max()) + 1):
        rows = np.flatnonzero(group == number)
        others = rows if len(rows) > 1 else everyone
        # A text that has ended earns nothing more: its place takes part in the mean of the others.
        advantages[rows] = earned[rows] - earned[others].mean(axis=0)
        if scale != "none" and len(everyone) > 1:
            spread = written.returns[others if scale == "group" else everyone].std(ddof=1)
            advantages[rows] /= spread + 1e-4
    return np.asarray(advantages * written.places)


train = driven(Grpo)
