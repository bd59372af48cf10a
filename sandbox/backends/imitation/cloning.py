"""Behavioural cloning: minimise -Σ log π(a|s) over recorded steps.

The steps are drawn as if they were independent; what the policy meets later depends on what it did before.
See docs/explanation/imitation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api import TrainContext, driven
from sandbox.backends.actors.labels import permitting, raw_actions
from sandbox.backends.actors.observations import flatten
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.imitation.policy import Clone, Labels

CHUNK = 100
"""Updates between two reports."""


class Cloning:
    """See `sandbox.api.Learner`; a step is an update."""

    def __init__(self, context: TrainContext) -> None:
        assert context.dataset is not None, "an algorithm that needs a dataset is given one"
        self.clone, self.total, self.updates = Clone("bc", context), context.steps, 0
        steps, policy = context.dataset.batch(slice(None)), self.clone.policy
        raw = raw_actions(policy.distribution, steps.action)
        rows = flatten(policy.observation_space, steps.observation)
        self.labels = Labels(rows, raw, permitting(policy.distribution, steps.mask, raw))
        if policy.normaliser is not None and not self.clone.started:
            policy.normaliser.update(rows)

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Some updates."""
        updates = min(CHUNK, self.total - self.updates)
        loss = self.clone.fit(self.labels, updates)
        self.updates += updates
        return updates, {"loss": loss}

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return self.clone.snapshot()

    def get_state(self) -> dict[str, Any]:
        """The clone and the counter; the dataset is read again."""
        return {"clone": self.clone.get_state(), "updates": self.updates}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.clone.set_state(state["clone"])
        self.updates = int(state["updates"])


train = driven(Cloning)
