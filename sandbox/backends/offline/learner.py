"""What the learners of recorded steps have in common: batches, target networks, state."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from sandbox.api import TrainContext
from sandbox.api.errors import RunFailedError
from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.actors.plain import make_policy
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.offline.records import Batch, Records
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed

CHUNK = 100
"""Updates between two reports."""


class RecordLearner(ABC):
    """See `sandbox.api.Learner`; a step is an update on a batch of recorded steps.

    A subclass registers its networks in ``modules`` and its optimisers in ``optimizers`` and writes `update`.

    Args:
        name: The algorithm.
        context: Of the training.

    Attributes:
        learned: The policy that learns.
        modules: All networks by name; the policy's is ``actor``.
        optimizers: By name.
        rng: Draws the batches and all noise.
        updates: How many are done.
    """

    def __init__(self, name: str, context: TrainContext) -> None:
        assert context.dataset is not None, "an algorithm that needs a dataset is given one"
        self.config, self.total, self.updates = context.config, context.steps, 0
        self.learned = make_policy(
            name,
            context.observation_space,
            context.action_space,
            self.config,
            seed=context.seed,
            bounded=True,
        )
        if context.initial is not None and context.resume is None:
            self.learned.load_weights(read_policy(context.initial), context.initial)
        self.records = Records(
            context.dataset, self.learned, context.initial is None, self.config.normalize_reward
        )
        self.modules: dict[str, nn.Module] = {"actor": self.learned.actor}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.rng = np.random.default_rng(context.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            self.build()

    @abstractmethod
    def build(self) -> None:
        """Make the other networks and the optimisers."""

    @abstractmethod
    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from a batch; what is to be logged."""

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Some updates."""
        updates = min(CHUNK, self.total - self.updates)
        sums: dict[str, float] = {}
        for _ in range(updates):
            chosen = self.rng.integers(len(self.records), size=self.config.batch_size)
            for name, value in self.update(self.records.batch(chosen)).items():
                sums[name] = sums.get(name, 0.0) + value
            self.updates += 1
        if not np.isfinite(list(sums.values())).all():
            raise RunFailedError("The loss is no longer a finite number.", "Lower learning_rate.")
        return updates, {name: value / updates for name, value in sums.items()}

    def adam(self, name: str, *modules: nn.Module) -> torch.optim.Optimizer:
        """Register an optimiser of some networks."""
        weights = [weight for module in modules for weight in module.parameters()]
        self.optimizers[name] = torch.optim.Adam(weights, self.config.learning_rate)
        return self.optimizers[name]

    def follow(self, target: nn.Module, source: nn.Module) -> None:
        """Let a target network come nearer by ``target_rate``."""
        follow(target.parameters(), source.parameters(), self.config.target_rate)

    def normal(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Standard normal draws."""
        return torch.from_numpy(self.rng.standard_normal(shape).astype(np.float32))

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """Networks, optimisers, normaliser and generator; the dataset is read again."""
        normaliser = self.learned.normaliser
        return {
            "modules": {name: packed(module.state_dict()) for name, module in self.modules.items()},
            "optimizers": {name: packed(each.state_dict()) for name, each in self.optimizers.items()},
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "rng": self.rng.bit_generator.state,
            "updates": self.updates,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        for name, module in self.modules.items():
            load_module(module, state["modules"][name])
        for name, optimizer in self.optimizers.items():
            load_optimizer(optimizer, state["optimizers"][name])
        if self.learned.normaliser is not None:
            arrays = state["normaliser"]
            self.learned.normaliser = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.rng.bit_generator.state = state["rng"]
        self.updates = int(state["updates"])


def step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One step down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def follow(targets: Iterable[nn.Parameter], sources: Iterable[nn.Parameter], rate: float) -> None:
    """Move target weights by a share of their distance."""
    for target, source in zip(targets, sources, strict=True):
        target.lerp_(source, rate)
