"""DAgger: play, ask the expert what it would have done in the states that were met, fit to all labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox.api import Interaction, TrainContext, driven
from sandbox.api.data import take_rows
from sandbox.backends.actors.labels import permitting, raw_actions
from sandbox.backends.actors.observations import flatten
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.imitation.config import DaggerConfig
from sandbox.backends.imitation.policy import Clone, Labels


class Dagger:
    """See `sandbox.api.Learner`."""

    def __init__(self, context: TrainContext) -> None:
        self.config: DaggerConfig = context.config
        self.clone, self.total, self.steps = Clone("dagger", context), context.steps, 0
        self.parts: list[Labels] = []
        self.play = Interaction(context)

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Play and label, then fit."""
        share = self.config.expert_share ** len(self.parts)  # 0⁰ = 1: the expert plays first
        wanted = min(self.config.steps_per_iteration, self.total - self.steps)
        seen, taken = [], 0
        while taken < wanted:
            seen.append(self._step(share))
            taken += self.play.rows
        new = _joined(seen)
        self.parts.append(new)
        self.steps += taken
        normaliser = self.clone.policy.normaliser
        if normaliser is not None and not self.clone.started and len(new):
            normaliser.update(new.rows)
        labels = _joined(self.parts)
        loss = self.clone.fit(labels, self.config.updates_per_iteration) if len(labels) else 0.0
        return taken, {"loss": loss, "labels": float(len(labels)), "expert_share": share}

    def _step(self, share: float) -> Labels:
        """Step all rows, the expert's action in a share of them; the labels of rows that took part."""
        policy, play = self.clone.policy, self.play
        active, mask = play.active, play.mask
        expert = np.array(play.info["expert_action"])
        rows = flatten(policy.observation_space, play.observation)
        learned = policy.distribution.action(policy.draw(rows, mask, None))
        follows = (self.clone.rng.random(play.rows) < share).reshape(-1, *[1] * (learned.ndim - 1))
        play.step(np.where(follows, expert, learned).astype(learned.dtype))
        raw = raw_actions(policy.distribution, expert[active])
        allowed = None if mask is None else permitting(policy.distribution, mask[active], raw)
        return Labels(np.array(take_rows(rows, active), np.float32), raw, allowed)

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return self.clone.snapshot()

    def get_state(self) -> dict[str, Any]:
        """The clone, all labels, and the environments' last observations."""
        return {
            "clone": self.clone.get_state(),
            "steps": self.steps,
            "labels": [{"rows": part.rows, "raw": part.raw, "mask": part.mask} for part in self.parts],
            "play": self.play.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.clone.set_state(state["clone"])
        self.steps = int(state["steps"])
        self.parts = [Labels(part["rows"], part["raw"], part["mask"]) for part in state["labels"]]
        self.play.set_state(state["play"])


def _joined(parts: list[Labels]) -> Labels:
    masks = [part.mask for part in parts if part.mask is not None]
    return Labels(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.raw for part in parts]),
        np.concatenate(masks) if masks else None,
    )


train = driven(Dagger)
