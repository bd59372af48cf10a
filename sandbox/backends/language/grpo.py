"""Group relative policy optimisation (Shao et al. 2024): texts of a prompt are compared with one another.

A token's advantage is what its text earns from it on, against the mean over the texts of the same prompt.
Where only the last token earns anything, it is the text's reward against that mean, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sandbox.api import TrainContext, driven
from sandbox.api.errors import MisfitError
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

    Args:
        written: The texts.
        scale: See `sandbox.backends.language.config.GrpoConfig.scale_rewards`.

    Raises:
        MisfitError: If no two texts have the same prompt.
    """
    group = written.groups()
    sizes = np.bincount(group)
    if sizes.max() < 2:
        raise MisfitError(
            "grpo compares texts of the same prompt, and no two have one.",
            "Take a task with several texts a prompt (language/reviews), or more environments (--num-envs).",
        )
    earned = to_go(written.rewards)
    advantages = np.zeros(earned.shape)
    for number in range(len(sizes)):
        rows = np.flatnonzero(group == number)
        # A text that has ended earns nothing more: its place takes part in the mean of the others.
        advantages[rows] = earned[rows] - earned[rows].mean(axis=0)
        if scale == "group":
            advantages[rows] /= written.returns[rows].std(ddof=1) + 1e-4 if len(rows) > 1 else 1.0
    if scale == "batch":
        advantages /= written.returns.std(ddof=1) + 1e-4
    return np.asarray(advantages * written.places)


train = driven(Grpo)
