"""The full state of a training with REINFORCE, taken between two updates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sandbox.api import DamagedRunError, Resume, read_state, write_state
from sandbox.api.types import Json
from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.reinforce.collect import Collector
from sandbox.backends.reinforce.policy import ReinforcePolicy
from sandbox.backends.tensors import load_module, load_optimizer, packed

NAME = "reinforce"


class Progress:
    """Everything that changes while REINFORCE learns.

    Args:
        policy: The policy being trained, its critic and its normaliser.
        optimizer: Of the policy.
        value_optimizer: Of the critic, or None.
        collector: Plays the episodes.
        draws: Generator of the actions.
        order: Generator that shuffles the critic's batches.

    Attributes:
        steps: Environment steps done.
    """

    def __init__(
        self,
        policy: ReinforcePolicy,
        optimizer: torch.optim.Optimizer,
        value_optimizer: torch.optim.Optimizer | None,
        collector: Collector,
        draws: np.random.Generator,
        order: np.random.Generator,
    ) -> None:
        self.steps = 0
        self._policy, self._collector = policy, collector
        self._optimizer, self._value_optimizer = optimizer, value_optimizer
        self._draws, self._order = draws, order

    def write(self, folder: Path, before: Path | None) -> None:
        """See `sandbox.api.WriteState`."""
        policy, values = self._policy, self._value_optimizer
        state: Json = {
            "steps": self.steps,
            "actor": packed(policy.actor.state_dict()),
            "critic": None if policy.critic is None else packed(policy.critic.state_dict()),
            "normaliser": None if policy.normaliser is None else policy.normaliser.arrays(),
            "optimizer": packed(self._optimizer.state_dict()),
            "value_optimizer": None if values is None else packed(values.state_dict()),
            "collector": self._collector.state(),
            "draws": self._draws.bit_generator.state,
            "order": self._order.bit_generator.state,
        }
        write_state(folder, NAME, state)

    def restore(self, resume: Resume) -> None:
        """Go on from a saved state.

        Raises:
            DamagedRunError: If it does not fit.
        """
        state, policy = read_state(resume.state, NAME), self._policy
        try:
            load_module(policy.actor, state["actor"])
            load_optimizer(self._optimizer, state["optimizer"])
            if policy.critic is not None and self._value_optimizer is not None:
                load_module(policy.critic, state["critic"])
                load_optimizer(self._value_optimizer, state["value_optimizer"])
            if state["normaliser"] is not None:
                size = int(np.asarray(state["normaliser"]["mean"]).size)
                policy.normaliser = Normaliser.from_arrays(state["normaliser"], size)
            if resume.environments:
                self._collector.restore(state["collector"])
            self._draws.bit_generator.state = state["draws"]
            self._order.bit_generator.state = state["order"]
            self.steps = state["steps"]
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise DamagedRunError(f"The training state in {resume.state} does not fit: {error}.") from error
