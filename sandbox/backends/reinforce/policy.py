"""The policy that REINFORCE trains, saved without pickle."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api.types import Json, Space
from sandbox.backends.actors.observations import flat_size
from sandbox.backends.actors.policy import ActorPolicy, part, restored
from sandbox.backends.policy_files import PolicyFiles, shapes
from sandbox.backends.reinforce.networks import Critic

if TYPE_CHECKING:
    from sandbox.backends.reinforce.config import ReinforceConfig

ALGORITHM = "reinforce"
CRITIC = "value."


class ReinforcePolicy(ActorPolicy):
    """The policy that REINFORCE trains, with the value network where the baseline is learned.

    Args:
        observation_space: Space of one row.
        action_space: Space of one row.
        config: Decides on the networks and the normaliser.
        seed: Seeds the first weights; torch's global generator is left as it was.

    Attributes:
        critic: Value network, where the baseline is learned.

    Raises:
        MisfitError: For spaces that it cannot work with.
    """

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        config: ReinforceConfig,
        seed: int = 0,
    ) -> None:
        hidden = config.net_arch if config.value_net_arch is None else config.value_net_arch
        self.value_net_arch = list(hidden)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(
                ALGORITHM,
                observation_space,
                action_space,
                config.net_arch,
                config.activation,
                config.log_std_init,
                config.normalize_observation,
                config.stochastic,
                seed,
            )
            size = flat_size(observation_space)
            self.critic = Critic(size, hidden, self.activation) if config.baseline else None

    def values(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """V of flattened observations, shape ``(n,)``; only with a critic."""
        assert self.critic is not None
        with torch.inference_mode():
            values: NDArray[np.float64] = self.critic(self.inputs(rows)).numpy().astype(np.float64)
        return values

    def snapshot(self) -> ReinforcePolicy:
        """A copy that further training does not change."""
        return copy.deepcopy(self)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights that are saved, by name: the value network's too."""
        critic = {} if self.critic is None else self.critic.state_dict()
        return super().tensors() | {CRITIC + name: tensor for name, tensor in critic.items()}

    def _extra_document(self) -> Json:
        return {"value_net_arch": self.value_net_arch}

    def load_weights(self, saved: PolicyFiles, source: Path) -> None:
        """As `ActorPolicy.load_weights`; also the value network, if it fits."""
        super().load_weights(saved, source)
        critic = part(saved, CRITIC)
        if self.critic is not None and shapes(critic) == shapes(self.critic.state_dict()):
            self.critic.load_state_dict(critic)


def load(directory: Path) -> ReinforcePolicy:
    """Read back what `ReinforcePolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    from sandbox.backends.reinforce.config import ReinforceConfig

    def make(saved: PolicyFiles, observation_space: Space, action_space: Space) -> ReinforcePolicy:
        document = saved.document
        config = ReinforceConfig(
            net_arch=document["net_arch"],
            value_net_arch=document["value_net_arch"],
            activation=document["activation"],
            stochastic=document["stochastic"],
            baseline=bool(part(saved, CRITIC)),
        )
        return ReinforcePolicy(observation_space, action_space, config)

    return restored(directory, make)
