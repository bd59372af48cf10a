"""Least-squares policy iteration (Lagoudakis & Parr 2003), for discrete actions.

    θ ← solution of  Σ φ(s, a) (φ(s, a) - γ φ(s', argmax Q(s', ·)))ᵀ θ = Σ φ(s, a) r

until the policy no longer changes. The first round values the behaviour itself, so that a single round
is one step of policy improvement, which needs no value of what was not done (Brandfonbrener et al.
2021). φ is a random hidden layer, with weights for every action; the policy is a network of that one
layer. A ridge pulls the values of all actions to the behaviour's own value of the state, so an action
about which the records say little gets no preference.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api import TrainContext, driven
from sandbox.backends.actors.networks import Actor
from sandbox.backends.actors.observations import Normaliser, flatten
from sandbox.backends.actors.plain import make_policy
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.offline.config import LSPIConfig
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, packed
from sandbox.statistics.linear_q import (
    Reals,
    Steps,
    by_choice,
    greedy,
    state_values,
    system,
    without_preference,
)


class HiddenLayer:
    """The features that a policy's network computes; see `sandbox.statistics.linear_q.FeatureMap`."""

    def __init__(self, actor: Actor, count: int) -> None:
        self._layer, self.count = actor.net[:-1], count
        last = actor.net[-1]
        assert isinstance(last, torch.nn.Linear)
        self.size = int(last.in_features) + 1

    def of_seen(self, seen: Reals) -> Reals:
        """The layer's outputs and a 1."""
        with torch.inference_mode():
            hidden = self._layer(torch.from_numpy(seen.astype(np.float32))).numpy().astype(np.float64)
        return np.concatenate([hidden, np.ones((len(hidden), 1))], 1)

    def of_pairs(self, seen: Reals, action: NDArray[np.generic]) -> Reals:
        """The same at the place of the choice."""
        return by_choice(self.of_seen(seen), action, self.count)


class LeastSquares:
    """See `sandbox.api.Learner`; a step is a round of policy iteration."""

    def __init__(self, context: TrainContext) -> None:
        assert context.dataset is not None, "an algorithm that needs a dataset is given one"
        config: LSPIConfig = context.config
        self.config, self.total, self.rounds = config, context.steps, 0
        self.learned = make_policy(
            "lspi", context.observation_space, context.action_space, config, seed=context.seed
        )
        self._draw(np.random.default_rng(context.seed))
        if context.initial is not None and context.resume is None:
            self.learned.load_weights(read_policy(context.initial), context.initial)
        steps, policy = context.dataset.batch(slice(None)), self.learned
        rows, following = (
            flatten(policy.observation_space, seen) for seen in (steps.observation, steps.next_observation)
        )
        if policy.normaliser is not None and context.initial is None:
            policy.normaliser.update(rows)
        space: Any = policy.action_space
        self._steps = Steps(
            seen=policy.inputs(rows).numpy().astype(np.float64),
            following=policy.inputs(following).numpy().astype(np.float64),
            action=np.asarray(steps.action, np.int64).reshape(-1) - int(space.start),
            reward=steps.reward,
            goes_on=(~steps.terminated).astype(np.float64),
            episode=context.dataset.episode_of,
            count=int(space.n),
            mask=steps.mask,
            next_mask=steps.next_mask,
        )
        self.theta: Reals | None = None

    def _draw(self, rng: np.random.Generator) -> None:
        """Random weights of the hidden layer, on the scale of normalised observations."""
        layer = self.learned.actor.net[0]
        assert isinstance(layer, torch.nn.Linear)
        number, inputs = layer.weight.shape
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(rng.standard_normal((number, inputs)) * 1.5 / inputs**0.5))
            layer.bias.copy_(torch.from_numpy(rng.uniform(-2, 2, number)))

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Evaluate the policy by least squares and take what is best by these values."""
        steps, config = self._steps, self.config
        features = HiddenLayer(self.learned.actor, steps.count)
        values = state_values(features, steps, config.gamma)
        prior = without_preference(features, steps, values)
        now, nothing = features.of_pairs(steps.seen, steps.action), np.zeros(len(steps), np.int64)
        if self.theta is None:  # the behaviour's own values: r + γ V(s') with V of the behaviour
            later = config.gamma * steps.goes_on * (features.of_seen(steps.following) @ values)
            sums = system(now, np.zeros_like(now), replace(steps, reward=steps.reward + later), 0.0, nothing)
            chosen = np.full(len(steps), -1)
        else:
            chosen = greedy(features, self.theta)(steps.following, steps.next_mask)
            sums = system(now, features.of_pairs(steps.following, chosen), steps, config.gamma, nothing)
        self.theta = sums.solve(np.ones(1), prior, config.ridge)
        changed = greedy(features, self.theta)(steps.following, steps.next_mask) != chosen
        self._show(features.size)
        self.rounds += 1
        done = not changed.any() or self.rounds >= config.iterations
        taken = self.total - self.rounds + 1 if done else 1
        return max(taken, 1), {"rounds": float(self.rounds), "changed": float(changed.mean())}

    def _show(self, size: int) -> None:
        """Copy the weights into the policy's last layer."""
        assert self.theta is not None
        table = torch.from_numpy(self.theta.reshape(self._steps.count, size))
        last = self.learned.actor.net[-1]
        assert isinstance(last, torch.nn.Linear)
        with torch.no_grad():
            last.weight.copy_(table[:, :-1])
            last.bias.copy_(table[:, -1])

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """The network, the values and the round; the dataset is read again."""
        normaliser = self.learned.normaliser
        return {
            "actor": packed(self.learned.actor.state_dict()),
            "theta": None if self.theta is None else self.theta.copy(),
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "rounds": self.rounds,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.learned.actor, state["actor"])
        self.theta = None if state["theta"] is None else np.asarray(state["theta"], np.float64)
        if self.learned.normaliser is not None:
            arrays = state["normaliser"]
            self.learned.normaliser = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.rounds = int(state["rounds"])


train = driven(LeastSquares)
