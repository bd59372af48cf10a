"""Adam's state for all weights of a policy as one vector, in the place of a torch optimiser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from sandbox.backends.sb3.fast.arrays import Weights


class FlatAdam:
    """Holds the weights of a policy in one vector, whose parts its parameters become, and Adam's state.

    The core takes the steps; see `compiled.epoch`. It is no torch optimiser, because making one of those
    imports torch's compiler.

    Args:
        parameters: Of one dtype. Their memory is replaced: whoever changes a parameter in place changes the
            vector, and the other way round.
        lr: Learning rate.

    Attributes:
        weights: The vectors.
        steps: Steps taken.
        offsets: Where each parameter begins in the vectors, by its identity.
        param_groups: What SB3 sets the learning rate in.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float) -> None:
        given = list(parameters)
        theta = torch.cat([parameter.detach().flatten() for parameter in given]).numpy().copy()
        self.weights = Weights(theta, *(np.zeros_like(theta) for _ in range(3)))
        self.steps = 0
        self.offsets: dict[int, int] = {}
        self.param_groups: list[dict[str, Any]] = [{"params": given, "lr": lr}]
        vector, start = torch.from_numpy(theta), 0
        for parameter in given:
            self.offsets[id(parameter)] = start
            end = start + parameter.numel()
            parameter.data = vector[start:end].view(parameter.shape)
            start = end

    @property
    def learning_rate(self) -> float:
        """The step size that SB3 has set."""
        return float(self.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Adam's moments and the number of steps; the weights are the policy's."""
        return {
            "first": torch.from_numpy(self.weights.first),
            "second": torch.from_numpy(self.weights.second),
            "steps": torch.tensor(self.steps),
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Continue from a `state_dict`."""
        self.weights.first[:] = state["first"].numpy()
        self.weights.second[:] = state["second"].numpy()
        self.steps = int(state["steps"])
