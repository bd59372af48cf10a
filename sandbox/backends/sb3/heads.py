"""From a batch of observations to a batch of raw actions, for each kind of SB3 policy.

SB3's own ``predict`` spends most of its time on checks and on building distribution objects. These
heads call the same layers in the same order and take the mode themselves: the same actions, faster.
Samples are drawn from a generator of the policy's own, so that playing a policy never disturbs the
random numbers of a training that is going on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor

FORBIDDEN = -1e8
"""Logit of a masked action, as in sb3-contrib: a row without any allowed action still gets one."""


class Head(Protocol):
    """What chooses actions; see the module's docstring."""

    def reset(self, num_envs: int) -> None:
        """Forget recurrent state and prepare for ``num_envs`` rows."""
        ...

    def __call__(self, observation: Any, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """Choose.

        Args:
            observation: Batch of shape ``(num_envs, …)``, or a dict of such.
            mask: Shape ``(num_envs, n)``, true where a discrete action is allowed, or None.
            generator: Samples if given, takes the mode if None.

        Returns:
            Raw actions: neither clipped nor unscaled.
        """
        ...


def make_head(algorithm: str, policy: Any) -> Head:  # noqa: PLR0911 - one per kind of policy
    """The head that fits a policy of the named algorithm."""
    if algorithm == "recurrent-ppo":
        return _RecurrentHead(policy)
    if algorithm in ("ppo", "a2c", "trpo", "maskable-ppo"):
        features = _features(policy, policy.pi_features_extractor)
        actor, last = policy.mlp_extractor.policy_net, policy.action_net
        return _FeedForwardHead(lambda observation: last(actor(features(observation))), _chooser(policy))
    if algorithm == "dqn":
        features = _features(policy.q_net, policy.q_net.features_extractor)
        q_values = policy.q_net.q_net
        return _FeedForwardHead(lambda observation: q_values(features(observation)), _greedy)
    if algorithm == "qr-dqn":
        quantiles = policy.quantile_net
        return _FeedForwardHead(lambda observation: quantiles(observation).mean(dim=1), _greedy)
    if algorithm == "td3":
        features, mu = _features(policy.actor, policy.actor.features_extractor), policy.actor.mu
        return _FeedForwardHead(lambda observation: mu(features(observation)), _as_it_is)
    if algorithm == "ars":
        features, net = _features(policy, policy.features_extractor), policy.action_net
        choose = _as_it_is if isinstance(policy.action_space, spaces.Box) else _greedy
        return _FeedForwardHead(lambda observation: net(features(observation)), choose)
    return _SquashedGaussianHead(policy.actor)


Choose = Callable[[Tensor, Tensor | None, torch.Generator | None], Tensor]


class _FeedForwardHead:
    def __init__(self, network: Callable[[Any], Tensor], choose: Choose) -> None:
        self._network = network
        self._choose = choose

    def reset(self, num_envs: int) -> None:
        """Nothing to forget."""

    def __call__(self, observation: Any, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
        return self._choose(self._network(observation), mask, generator)


class _SquashedGaussianHead:
    """SAC, TQC and CrossQ: tanh of a Gaussian."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._features = _features(actor, actor.features_extractor)

    def reset(self, num_envs: int) -> None:
        """Nothing to forget."""

    def __call__(self, observation: Any, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
        if generator is None:
            return torch.tanh(self._actor.mu(self._actor.latent_pi(self._features(observation))))
        mean, log_std, _ = self._actor.get_action_dist_params(observation)
        return torch.tanh(_gaussian(mean, log_std, generator))


class _RecurrentHead:
    """Recurrent PPO; the LSTM's state lives here between steps."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self._features = _features(policy, policy.pi_features_extractor)
        self._choose = _chooser(policy)
        self._state: tuple[Tensor, Tensor] | None = None

    def reset(self, num_envs: int) -> None:
        lstm = self._policy.lstm_actor
        zeros = torch.zeros(lstm.num_layers, num_envs, lstm.hidden_size)
        self._state = (zeros, zeros.clone())

    def __call__(self, observation: Any, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
        features = self._features(observation)
        if self._state is None or self._state[0].shape[1] != len(features):
            self.reset(len(features))
        output, self._state = self._policy.lstm_actor(features.unsqueeze(0), self._state)
        latent = self._policy.mlp_extractor.policy_net(output.squeeze(0))
        return self._choose(self._policy.action_net(latent), mask, generator)


def _features(model: Any, extractor: Any) -> Callable[[Any], Tensor]:
    """Preprocessing and feature extraction; a shortcut for plain arrays of numbers."""
    space = model.observation_space
    if (
        isinstance(extractor, FlattenExtractor)
        and isinstance(space, spaces.Box)
        and not is_image_space(space)
    ):
        return lambda observation: observation.float().flatten(1)
    return lambda observation: BasePolicy.extract_features(model, observation, extractor)


def _chooser(policy: Any) -> Choose:
    """How the actor-critic's last layer is read, which depends on the action space."""
    space = policy.action_space
    if isinstance(space, spaces.Box):
        return lambda mean, _, generator: (
            mean if generator is None else _gaussian(mean, policy.log_std, generator)
        )
    if isinstance(space, spaces.Discrete):
        return _categorical
    if isinstance(space, spaces.MultiDiscrete):
        return _several([int(n) for n in space.nvec])
    # sb3-contrib's maskable policy has two logits for each yes-or-no value, SB3's has one.
    if policy.action_net.out_features == 2 * space.n:
        return _several([2] * space.n)
    return _bernoulli


def _several(sizes: list[int]) -> Choose:
    def choose(logits: Tensor, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
        parts = torch.split(_masked(logits, mask), sizes, dim=1)
        return torch.stack([_categorical(part, None, generator) for part in parts], dim=1)

    return choose


def _categorical(logits: Tensor, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
    logits = _masked(logits, mask)
    if generator is not None:
        # Gumbel's trick: the argmax of logits plus Gumbel noise is a sample of the softmax.
        uniform = torch.rand(logits.shape, generator=generator).clamp_min_(torch.finfo(logits.dtype).tiny)
        logits = logits - (-uniform.log()).log()
    return logits.argmax(dim=1)


def _bernoulli(logits: Tensor, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
    """Yes-or-no values; a mask holds a pair (may be 0, may be 1) for each."""
    if generator is None:
        chosen = logits > 0
    else:
        chosen = torch.rand(logits.shape, generator=generator) < torch.sigmoid(logits)
    if mask is not None:
        may_be_0, may_be_1 = mask.reshape(*logits.shape, 2).unbind(-1)
        chosen = (chosen & may_be_1) | (may_be_1 & ~may_be_0)
    return chosen


def _gaussian(mean: Tensor, log_std: Tensor, generator: torch.Generator) -> Tensor:
    return mean + log_std.exp() * torch.randn(mean.shape, generator=generator)


def _greedy(values: Tensor, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
    if mask is not None:
        values = values.masked_fill(~mask, float("-inf"))
    return values.argmax(dim=1)


def _as_it_is(actions: Tensor, mask: Tensor | None, generator: torch.Generator | None) -> Tensor:
    return actions


def _masked(logits: Tensor, mask: Tensor | None) -> Tensor:
    return logits if mask is None else logits.masked_fill(~mask, FORBIDDEN)
