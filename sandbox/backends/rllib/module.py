"""Actor and critic in the form that RLlib trains."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import TorchMultiCategorical
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor

from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.networks import Actor, mlp


class ActorCritic(TorchRLModule, ValueFunctionAPI, InferenceOnlyAPI):  # type: ignore[misc]
    """Two networks that share nothing; the actor is the one of `sandbox.backends.actors`.

    ``model_config`` holds ``net_arch``, ``activation`` and ``log_std``.
    """

    def setup(self) -> None:
        """Build the networks; modules that only step environments have no critic."""
        settings = self.model_config
        size = int(self.observation_space.shape[0])
        distribution = distribution_for(self.action_space)
        log_std = settings["log_std"] if distribution.gaussian else None
        self.actor = Actor(size, settings["net_arch"], distribution.size, settings["activation"], log_std)
        if not self.inference_only:
            self.critic = mlp(size, settings["net_arch"], 1, settings["activation"], last_gain=1.0)
        if isinstance(self.action_space, gym.spaces.MultiDiscrete):
            lengths = [int(n) for n in self.action_space.nvec]
            self.action_dist_cls = TorchMultiCategorical.get_partial_dist_cls(
                space=self.action_space, input_lens=lengths
            )

    def _forward(self, batch: dict[str, Any], **options: object) -> dict[str, Tensor]:
        return {Columns.ACTION_DIST_INPUTS: self.actor(batch[Columns.OBS])}

    def compute_values(self, batch: dict[str, Any], embeddings: Tensor | None = None) -> Tensor:
        """V of the observations, shape ``(n,)``."""
        values: Tensor = self.critic(batch[Columns.OBS]).squeeze(-1)
        return values

    def get_non_inference_attributes(self) -> list[str]:
        """Attributes that are not sent to processes that only step environments."""
        return ["critic"]
