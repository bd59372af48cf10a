"""From a batch of observations to a batch of raw actions, for each kind of SB3 policy.

SB3's own ``predict`` spends most of its time on checks and on building distribution objects. A head calls the
same layers in the same order and takes the mode itself: the same actions, in half the time where the
environment is fast (docs/decisions/0025-heads-of-policies.md). It also does what ``predict`` cannot:

- honour an action mask, whatever algorithm trained the policy;
- sample from the policy's own generator, so that playing a policy does not disturb the random numbers of a
  training in the same process;
- be exported as a torch module.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy, BaseModel, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Generator, Tensor

if TYPE_CHECKING:  # sb3-contrib need not be installed for the algorithms of Stable-Baselines3 itself
    from sb3_contrib.ars.policies import ARSPolicy
    from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
    from sb3_contrib.qrdqn.policies import QRDQNPolicy
    from stable_baselines3.dqn.policies import DQNPolicy
    from stable_baselines3.sac.policies import SACPolicy
    from stable_baselines3.td3.policies import TD3Policy

FORBIDDEN = -1e8
"""Logit of a masked action, as in sb3-contrib: a row without any allowed action still gets one."""


class Head(Protocol):
    """Chooses raw actions; see the module's docstring."""

    def reset(self, num_envs: int) -> None:
        """Forget recurrent state and prepare for ``num_envs`` rows."""
        ...

    def __call__(self, observation: PyTorchObs, mask: Tensor | None, generator: Generator | None) -> Tensor:
        """Choose an action for every row.

        Args:
            observation: Batch of shape ``(num_envs, …)``, or a dict of such.
            mask: Shape ``(num_envs, n)``, true where a discrete action is allowed, or None.
            generator: Samples if given, takes the mode if None.

        Returns:
            Raw actions: neither clipped nor unscaled.
        """
        ...


Layers = Callable[[PyTorchObs], Tensor]
"""A forward pass: from observations to what the action is chosen from."""

Choose = Callable[[Tensor, Tensor | None, Generator | None], Tensor]
"""``(outputs of the last layer, mask, generator) -> raw actions``"""


def actor_critic(policy: ActorCriticPolicy) -> Head:
    """PPO, A2C, TRPO and maskable PPO."""
    features = _features(policy, policy.pi_features_extractor)
    actor, last = policy.mlp_extractor.policy_net, policy.action_net
    return FeedForwardHead(
        lambda observation: last(actor(features(observation))), _actor_critic_choice(policy)
    )


def recurrent_actor_critic(policy: RecurrentActorCriticPolicy) -> Head:
    """Recurrent PPO."""
    return RecurrentHead(policy)


def q_values(policy: DQNPolicy) -> Head:
    """DQN: the action with the largest value."""
    network = policy.q_net
    features, values = _features(network, network.features_extractor), network.q_net
    return FeedForwardHead(lambda observation: values(features(observation)), _greedy)


def quantiles(policy: QRDQNPolicy) -> Head:
    """QR-DQN: the action with the largest mean of its quantiles."""
    network = policy.quantile_net
    return FeedForwardHead(lambda observation: network(observation).mean(dim=1), _greedy)


def deterministic_actor(policy: TD3Policy) -> Head:
    """TD3 and DDPG: the action itself."""
    features, mu = _features(policy.actor, policy.actor.features_extractor), policy.actor.mu
    return FeedForwardHead(lambda observation: mu(features(observation)), _unchanged)


def squashed_gaussian(policy: SACPolicy) -> Head:
    """SAC, TQC and CrossQ."""
    return SquashedGaussianHead(policy)


def direct_policy(policy: ARSPolicy) -> Head:
    """ARS: an action, or the largest of scores."""
    features, network = _features(policy, policy.features_extractor), policy.action_net
    choose = _unchanged if isinstance(policy.action_space, spaces.Box) else _greedy
    return FeedForwardHead(lambda observation: network(features(observation)), choose)


class FeedForwardHead:
    """A forward pass without state, and a choice from its outputs."""

    def __init__(self, layers: Layers, choose: Choose) -> None:
        self._layers = layers
        self._choose = choose

    def reset(self, num_envs: int) -> None:
        """Do nothing: there is no state."""

    def __call__(self, observation: PyTorchObs, mask: Tensor | None, generator: Generator | None) -> Tensor:
        return self._choose(self._layers(observation), mask, generator)


class SquashedGaussianHead:
    """Tanh of a Gaussian whose mean and standard deviation depend on the observation."""

    def __init__(self, policy: SACPolicy) -> None:
        self._actor = policy.actor
        self._features = _features(self._actor, self._actor.features_extractor)

    def reset(self, num_envs: int) -> None:
        """Do nothing: there is no state."""

    def __call__(self, observation: PyTorchObs, mask: Tensor | None, generator: Generator | None) -> Tensor:
        if generator is None:
            return torch.tanh(self._actor.mu(self._actor.latent_pi(self._features(observation))))
        mean, log_std, _ = self._actor.get_action_dist_params(observation)
        return torch.tanh(_gaussian(mean, log_std, generator))


class RecurrentHead:
    """An actor behind an LSTM, whose state is kept here between steps."""

    def __init__(self, policy: RecurrentActorCriticPolicy) -> None:
        self._policy = policy
        self._features = _features(policy, policy.pi_features_extractor)
        self._choose = _actor_critic_choice(policy)
        self._state: tuple[Tensor, Tensor] | None = None

    def reset(self, num_envs: int) -> None:
        """Set the LSTM's state to zero for ``num_envs`` rows."""
        lstm = self._policy.lstm_actor
        zeros = torch.zeros(lstm.num_layers, num_envs, lstm.hidden_size)
        self._state = (zeros, zeros.clone())

    def __call__(self, observation: PyTorchObs, mask: Tensor | None, generator: Generator | None) -> Tensor:
        features = self._features(observation)
        if self._state is None or self._state[0].shape[1] != len(features):
            self.reset(len(features))
        output, self._state = self._policy.lstm_actor(features.unsqueeze(0), self._state)
        latent = self._policy.mlp_extractor.policy_net(output.squeeze(0))
        return self._choose(self._policy.action_net(latent), mask, generator)


def _features(model: BaseModel, extractor: BaseFeaturesExtractor) -> Layers:
    """Preprocessing and feature extraction; a shortcut for plain arrays of numbers."""
    space = model.observation_space
    if (
        isinstance(extractor, FlattenExtractor)
        and isinstance(space, spaces.Box)
        and not is_image_space(space)
    ):
        return lambda observation: observation.float().flatten(1)  # type: ignore[union-attr]
    return lambda observation: BasePolicy.extract_features(model, observation, extractor)


def _actor_critic_choice(policy: ActorCriticPolicy) -> Choose:
    """How the last layer of an actor is read, which depends on the action space."""
    space = policy.action_space
    if isinstance(space, spaces.Box):
        return lambda mean, _, generator: (
            mean if generator is None else _gaussian(mean, policy.log_std, generator)
        )
    if isinstance(space, spaces.Discrete):
        return _categorical
    if isinstance(space, spaces.MultiDiscrete):
        return _side_by_side([int(n) for n in space.nvec])
    assert isinstance(space, spaces.MultiBinary)
    # sb3-contrib's maskable policy has two logits for each binary value, SB3's has one.
    if policy.action_net.out_features == 2 * math.prod(space.shape):
        return _side_by_side([2] * math.prod(space.shape))
    return _bernoulli


def _side_by_side(sizes: list[int]) -> Choose:
    """One categorical choice for each of the parts of the logits."""

    def choose(logits: Tensor, mask: Tensor | None, generator: Generator | None) -> Tensor:
        parts = torch.split(_masked(logits, mask), sizes, dim=1)
        return torch.stack([_categorical(part, None, generator) for part in parts], dim=1)

    return choose


def _categorical(logits: Tensor, mask: Tensor | None, generator: Generator | None) -> Tensor:
    logits = _masked(logits, mask)
    if generator is not None:
        # Gumbel's trick: the argmax of logits plus Gumbel noise is a sample of the softmax.
        uniform = torch.rand(logits.shape, generator=generator).clamp_min_(torch.finfo(logits.dtype).tiny)
        logits = logits - (-uniform.log()).log()
    return logits.argmax(dim=1)


def _bernoulli(logits: Tensor, mask: Tensor | None, generator: Generator | None) -> Tensor:
    """Binary values; a mask holds a pair (0 allowed, 1 allowed) for each."""
    if generator is None:
        chosen = logits > 0
    else:
        chosen = torch.rand(logits.shape, generator=generator) < torch.sigmoid(logits)
    if mask is not None:
        allows_0, allows_1 = mask.reshape(*logits.shape, 2).unbind(-1)
        chosen = (chosen & allows_1) | (allows_1 & ~allows_0)
    return chosen


def _gaussian(mean: Tensor, log_std: Tensor, generator: Generator) -> Tensor:
    return mean + log_std.exp() * torch.randn(mean.shape, generator=generator)


def _greedy(values: Tensor, mask: Tensor | None, generator: Generator | None) -> Tensor:
    if mask is not None:
        values = values.masked_fill(~mask, float("-inf"))
    return values.argmax(dim=1)


def _unchanged(actions: Tensor, mask: Tensor | None, generator: Generator | None) -> Tensor:
    return actions


def _masked(logits: Tensor, mask: Tensor | None) -> Tensor:
    return logits if mask is None else logits.masked_fill(~mask, FORBIDDEN)
