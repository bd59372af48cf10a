"""Conservative Q-learning on recorded steps, for discrete actions; see `cql_continuous` for others.

    loss = ½ (Q(s, a) - r - γ Q̄(s', argmax Q(s', ·)))² + α (log Σ exp Q(s, ·) - Q(s, a))

The first term alone is double Q-learning. From records it can fail: the argmax picks actions that nobody
tried and whose values nothing corrects. The second term lowers all values and raises those of recorded
actions, so what is not in the records looks worse (Kumar et al. 2020, equation 4). A terminal s' has no
value; one that was cut off has.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from sandbox.api import TrainContext, driven
from sandbox.api.data import Dataset
from sandbox.api.errors import RunFailedError
from sandbox.backends.actors.distributions import FORBIDDEN
from sandbox.backends.actors.observations import Normaliser, flatten
from sandbox.backends.actors.plain import make_policy
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.offline.config import CQLConfig
from sandbox.backends.offline.cql_continuous import ConservativeActorCritic
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed

CHUNK = 100
"""Updates between two reports."""


class ConservativeQ:
    """See `sandbox.api.Learner`; a step is an update."""

    def __init__(self, context: TrainContext) -> None:
        assert context.dataset is not None, "an algorithm that needs a dataset is given one"
        config: CQLConfig = context.config
        self.config, self.total, self.updates = config, context.steps, 0
        self.learned = make_policy(
            "cql", context.observation_space, context.action_space, config, seed=context.seed
        )
        if context.initial is not None and context.resume is None:
            self.learned.load_weights(read_policy(context.initial), context.initial)
        self._take(context.dataset, fit_normaliser=context.initial is None)
        self.target = copy.deepcopy(self.learned.actor)
        self.optimizer = torch.optim.Adam(self.learned.actor.parameters(), config.learning_rate)
        self.rng = np.random.default_rng(context.seed)

    def _take(self, dataset: Dataset, fit_normaliser: bool) -> None:
        """Records as tensors."""
        policy, steps = self.learned, dataset.batch(slice(None))
        space: Any = policy.action_space
        rows, following = (
            flatten(policy.observation_space, seen) for seen in (steps.observation, steps.next_observation)
        )
        if policy.normaliser is not None and fit_normaliser:
            policy.normaliser.update(rows)
        self.action = torch.from_numpy(np.asarray(steps.action, np.int64).reshape(-1, 1) - int(space.start))
        deviation = float(steps.reward.std()) if self.config.normalize_reward else 1.0
        self.unit = deviation if deviation > 0 else 1.0
        self.reward = torch.from_numpy((steps.reward / self.unit).astype(np.float32))
        self.goes_on = torch.from_numpy((~steps.terminated).astype(np.float32))
        self.rows, self.following = rows, following
        self.mask, self.next_mask = (
            None if mask is None else torch.from_numpy(mask) for mask in (steps.mask, steps.next_mask)
        )

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Some updates."""
        updates = min(CHUNK, self.total - self.updates)
        sums = np.zeros(3)
        for _ in range(updates):
            chosen = self.rng.integers(len(self.rows), size=self.config.batch_size)
            error, penalty, value = self.losses(chosen)
            self.optimizer.zero_grad()
            (error + self.config.alpha * penalty).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self._follow()
            sums += [error.item(), penalty.item(), value * self.unit]
        if not np.isfinite(sums).all():
            raise RunFailedError("The loss is no longer a finite number.", "Lower learning_rate.")
        self.updates += updates
        error, penalty, value = sums / updates
        return updates, {"td_loss": error, "penalty": penalty, "q": value}

    def losses(self, chosen: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, float]:
        """The squared error, the penalty, and the mean Q, over these recorded steps."""
        policy, places = self.learned, torch.from_numpy(chosen)
        q: torch.Tensor = policy.actor(policy.inputs(self.rows[chosen]))
        taken = q.gather(1, self.action[places]).squeeze(1)
        with torch.no_grad():
            seen_next = policy.inputs(self.following[chosen])
            best = _allowed(policy.actor(seen_next), self.next_mask, places).argmax(1, keepdim=True)
            later = self.target(seen_next).gather(1, best).squeeze(1)
            goal = self.reward[places] + self.config.gamma * self.goes_on[places] * later
        penalty = _allowed(q, self.mask, places).logsumexp(1) - taken
        return 0.5 * ((taken - goal) ** 2).mean(), penalty.mean(), taken.mean().item()

    @torch.no_grad()
    def _follow(self) -> None:
        for target, weights in zip(self.target.parameters(), self.learned.actor.parameters(), strict=True):
            target.lerp_(weights, self.config.target_rate)

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """Both networks, the optimiser, the normaliser and the generator; the dataset is read again."""
        normaliser = self.learned.normaliser
        return {
            "q": packed(self.learned.actor.state_dict()),
            "target": packed(self.target.state_dict()),
            "optimizer": packed(self.optimizer.state_dict()),
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "rng": self.rng.bit_generator.state,
            "updates": self.updates,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.learned.actor, state["q"])
        load_module(self.target, state["target"])
        load_optimizer(self.optimizer, state["optimizer"])
        if self.learned.normaliser is not None:
            arrays = state["normaliser"]
            self.learned.normaliser = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.rng.bit_generator.state = state["rng"]
        self.updates = int(state["updates"])


def _allowed(q: torch.Tensor, mask: torch.Tensor | None, places: torch.Tensor) -> torch.Tensor:
    return q if mask is None else q.masked_fill(~mask[places], FORBIDDEN)


def _learner(context: TrainContext) -> ConservativeQ | ConservativeActorCritic:
    return (ConservativeActorCritic if isinstance(context.action_space, spaces.Box) else ConservativeQ)(
        context
    )


train = driven(_learner)
