"""The pathwise gradient: differentiate the reward of simulated paths with respect to the policy.

    ∇J(θ) = E ∇_θ Σ_t r(s_t, π_θ(s_t), w_t),   s_{t+1} = f(s_t, π_θ(s_t), w_t)

The noise w is drawn before, so a path is a function of θ and its gradient is found by the chain rule through
f and r. No value function, no score function and no noise in the actions: hence the small variance.

Paths are cut into segments. Actions are learned from over ``segment`` steps; ``tail`` further steps are
played by the policy as it is, because what an action costs shows later (an order arrives after its lead
time). The next segment goes on where the steps that were learned from have ended, so the states are those of
the long run. Where an episode is no longer than both together, whole episodes are played instead.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sandbox.api import TrainContext, driven
from sandbox.api.errors import RunFailedError
from sandbox.backends.actors.distributions import Gaussian
from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.actors.plain import make_policy
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.pathwise.config import PathwiseConfig
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed

NAME = "pathwise"

CHUNK = 20
"""Updates between two reports."""

NUDGE = 1e-3
"""What is left of an action's distance to the one that is played: it decides on which side of a kink the
slope is taken, and is too small to matter otherwise."""

State = dict[str, torch.Tensor]


class HeldInside(torch.autograd.Function):
    """Values held within bounds; at a bound the gradient passes where it leads inside.

    Clipping alone has none there: an order of 0 in states that need one would stay 0 for ever.
    """

    @staticmethod
    def forward(ctx: Any, raw: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """The values nearest to ``raw`` within the bounds."""
        ctx.save_for_backward(raw, low, high)
        return torch.maximum(torch.minimum(raw, high), low)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Of the loss, which is followed downhill: a negative one raises the value."""
        (slope,) = gradients
        raw, low, high = ctx.saved_tensors
        outward = ((raw < low) & (slope > 0)) | ((raw > high) & (slope < 0))
        return slope.masked_fill(outward, 0.0), None, None


class Pathwise:
    """See `sandbox.api.Learner`; a step is a simulated step of a path."""

    def __init__(self, context: TrainContext) -> None:
        assert context.models is not None, "an algorithm that needs gradients is given the task's models"
        config: PathwiseConfig = context.config
        self.config, self.total, self.steps, self.age = config, context.steps, 0, 0
        self.dynamics, self.reward = context.models.dynamics, context.models.reward
        spaces = (context.observation_space, context.action_space)
        self.learned = make_policy(NAME, *spaces, config, seed=context.seed)
        if context.initial is not None and context.resume is None:
            self.learned.load_weights(read_policy(context.initial), context.initial)
        self.optimizer = torch.optim.Adam(self.learned.actor.net.parameters(), config.learning_rate)
        self.rng = np.random.default_rng(context.seed)
        self.whole = self.dynamics.horizon <= config.segment + config.tail
        self.state = self._begin()
        distribution = self.learned.distribution
        assert isinstance(distribution, Gaussian), "its action space is a Box"
        self.middle, self.half = (
            torch.from_numpy(part.astype(np.float32))
            for part in (distribution.middle, distribution.half_width)
        )
        space: Any = context.action_space
        self.low, self.high = (
            torch.from_numpy(bound.ravel().astype(np.float32)) for bound in (space.low, space.high)
        )
        self.action_shape = space.shape

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Some updates."""
        taken, total = 0, 0.0
        for _ in range(CHUNK):
            if taken and self.steps + taken >= self.total:
                break
            self._decay((self.steps + taken) / self.total)
            steps, reward = self.update()
            taken += steps
            total += reward * steps
        self.steps += taken
        return taken, {"reward": total / taken}

    def update(self) -> tuple[int, float]:
        """Play a segment and follow its gradient; the steps that were played, and their mean reward."""
        config = self.config
        lead, tail = (self.dynamics.horizon, 0) if self.whole else (config.segment, config.tail)
        if self.whole or self.age + lead + tail > self.dynamics.horizon:
            self.state, self.age = self._begin(), 0
        noise = self._tensor(self.dynamics.noise(self.rng, config.copies, lead + tail))
        if self.learned.normaliser is not None:
            seen = self.dynamics.observe(self.state, torch)
            self.learned.normaliser.update(seen.flatten(1).numpy())
        state, total = self.state, torch.zeros(())
        for step in range(lead + tail):
            if step == lead:
                self.state = {name: part.detach() for name, part in state.items()}
            action = self._action(state, learning=step < lead)
            following, happened = self.dynamics.step(state, action, noise[step], torch)
            state = dict(following)
            total = total + self.reward(happened).total.sum()
        if not tail:
            self.state = {name: part.detach() for name, part in state.items()}
        self.age += lead
        played = config.copies * (lead + tail)
        self._follow(-total / played)
        return played, float(total.detach()) / played

    def _action(self, state: State, learning: bool) -> torch.Tensor:
        """What the policy does, shape ``(copies, *action_shape)``.

        Where it is not learned from, the weights are constants, but what it does still answers to the state:
        a unit too much is ordered less of later.
        """
        rows = self.dynamics.observe(state, torch).flatten(1)
        normaliser = self.learned.normaliser
        if normaliser is not None:
            rows = (rows - torch.from_numpy(normaliser.shift)) * torch.from_numpy(normaliser.scale)
        raw = self.middle + self.half * _forward(self.learned.actor.net, rows, learning)
        inside: torch.Tensor = HeldInside.apply(raw, self.low, self.high)  # type: ignore[no-untyped-call]
        inside = inside.reshape(-1, *self.action_shape)
        played = getattr(self.dynamics, "played", None)
        if played is None or not self.config.as_played:
            return inside
        rounded: torch.Tensor = played(inside, torch)
        return inside + (1 - NUDGE) * (rounded - inside).detach()

    def _follow(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        weights = self.learned.actor.net.parameters()
        norm = torch.nn.utils.clip_grad_norm_(weights, self.config.max_grad_norm)
        if not torch.isfinite(norm):
            raise RunFailedError("The gradient is no longer a finite number.", "Lower learning_rate.")
        self.optimizer.step()

    def _decay(self, share: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))

    def _begin(self) -> State:
        states = self.dynamics.begin(self.rng, self.config.copies)
        return {name: self._tensor(values) for name, values in states.items()}

    @staticmethod
    def _tensor(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values, np.float32))

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """Network, optimiser, normaliser, paths and generator."""
        normaliser = self.learned.normaliser
        return {
            "actor": packed(self.learned.actor.state_dict()),
            "optimizer": packed(self.optimizer.state_dict()),
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "paths": packed(self.state),
            "rng": self.rng.bit_generator.state,
            "steps": self.steps,
            "age": self.age,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.learned.actor, state["actor"])
        load_optimizer(self.optimizer, state["optimizer"])
        if self.learned.normaliser is not None:
            arrays = state["normaliser"]
            self.learned.normaliser = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.state = {name: torch.from_numpy(values) for name, values in state["paths"].items()}
        self.rng.bit_generator.state = state["rng"]
        self.steps, self.age = int(state["steps"]), int(state["age"])


def _forward(net: torch.nn.Sequential, rows: torch.Tensor, learning: bool) -> torch.Tensor:
    """What the network says, with constant weights where it is not learned from.

    ``torch.func.functional_call`` does the same at several times the price of so small a network.
    """
    for layer in net:
        if learning or not isinstance(layer, torch.nn.Linear):
            rows = layer(rows)
        else:
            rows = torch.nn.functional.linear(rows, layer.weight.detach(), layer.bias.detach())
    return rows


train = driven(Pathwise)
