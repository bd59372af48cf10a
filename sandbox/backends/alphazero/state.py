"""The full state of a training with AlphaZero, taken between two rounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sandbox.api import DamagedRunError, Resume, read_state, write_state
from sandbox.backends.alphazero.network import Net
from sandbox.backends.alphazero.replay import Replay
from sandbox.backends.alphazero.self_play import SelfPlay
from sandbox.backends.tensors import load_module, load_optimizer, packed

NAME = "alphazero"


class Progress:
    """Everything that changes while AlphaZero learns.

    Args:
        network: Being trained.
        optimizer: Of the network.
        self_play: The games in progress.
        replay: The positions so far.
        draws: Draws noise and openings.
        order: Draws batches.

    Attributes:
        steps: Rows of the environments stepped: two a move.
        owed: Positions still to be learned from, in batches and parts of one.
    """

    def __init__(
        self,
        network: Net,
        optimizer: torch.optim.Optimizer,
        self_play: SelfPlay,
        replay: Replay,
        draws: np.random.Generator,
        order: np.random.Generator,
    ) -> None:
        self.steps, self.owed = 0, 0.0
        self._network, self._optimizer = network, optimizer
        self._self_play, self._replay = self_play, replay
        self._draws, self._order = draws, order

    def write(self, folder: Path, before: Path | None) -> None:
        """See `sandbox.api.WriteState`."""
        state: dict[str, Any] = {
            "steps": self.steps,
            "owed": self.owed,
            "network": packed(self._network.state_dict()),
            "optimizer": packed(self._optimizer.state_dict()),
            "self_play": self._self_play.get_state(),
            "replay": self._replay.get_state(),
            "draws": self._draws.bit_generator.state,
            "order": self._order.bit_generator.state,
        }
        write_state(folder, NAME, state)

    def restore(self, resume: Resume) -> None:
        """Go on from a saved state.

        Raises:
            DamagedRunError: If it does not fit.
        """
        state = read_state(resume.state, NAME)
        try:
            load_module(self._network, state["network"])
            load_optimizer(self._optimizer, state["optimizer"])
            self._replay.set_state(state["replay"])
            if resume.environments:
                self._self_play.set_state(state["self_play"])
            self._draws.bit_generator.state = state["draws"]
            self._order.bit_generator.state = state["order"]
            self.steps, self.owed = state["steps"], state["owed"]
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise DamagedRunError(f"The training state in {resume.state} does not fit: {error}.") from error
