"""A policy that scores cells: for tasks that observe an image and act on one of its cells.

The observation is an array of planes (channels, height, width), alone or in a Dict beside flat parts; the
action is one of k · height · width. The same small network looks at every cell, so a policy has a few
hundred weights whatever the grid, and what is learned at a cell applies to all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Space

CONTEXT = 16
"""Size of the summary of the whole observation that every cell is given."""

SHARPNESS = 20.0
"""Factor of the scores: among hundreds of cells a choice needs differences of about ten, which weights of
ordinary size and a few hundred optimiser steps would not reach."""


def image_and_rest(space: Space) -> tuple[str | None, list[str]]:
    """Key of the planes (None where they are the whole observation), and keys of the flat parts.

    Raises:
        MisfitError: If there is not exactly one part of shape (channels, height, width).
    """
    if isinstance(space, spaces.Box) and len(space.shape) == 3 and space.dtype.kind == "f":
        return None, []
    if isinstance(space, spaces.Dict):
        parts = {key: part for key, part in space.spaces.items() if isinstance(part, spaces.Box)}
        images = [key for key, part in parts.items() if len(part.shape) == 3 and part.dtype.kind == "f"]
        flat = [key for key, part in parts.items() if len(part.shape) == 1 and part.dtype.kind == "f"]
        if len(images) == 1 and len(images) + len(flat) == len(space.spaces):
            return images[0], flat
    raise MisfitError(
        f"convolution needs one observation of numbers with shape (channels, height, width), alone or beside "
        f"flat ones in a Dict, not {space}.",
        "Leave convolution out.",
    )


def require_cells(observation_space: Space, action_space: Space) -> int:
    """How many actions each cell of the image has.

    Raises:
        MisfitError: If actions are not cells of the image.
    """
    key, _ = image_and_rest(observation_space)
    _, height, width = _shape(observation_space, key)
    if not isinstance(action_space, spaces.Discrete) or action_space.n % (height * width):
        raise MisfitError(
            f"convolution needs actions that are cells of the image, k · {height} · {width} "
            f"of them, not {action_space}.",
            "Leave convolution out.",
        )
    return int(action_space.n // (height * width))


def _shape(space: Space, key: str | None) -> tuple[int, ...]:
    """Shape of the whole observation, or of a part of it."""
    part: Space = space if key is None else space[key]  # type: ignore[index]
    assert part.shape is not None
    return part.shape


PART_SIZE = 2**22
"""Numbers of the largest intermediate tensor: memory of larger ones would come from the system each time."""


class Images(NamedTuple):
    """Some images of a stack, where they are: a minibatch of a rollout without a copy.

    Attributes:
        stack: Planes of all images, shape ``(N, channels, height, width)``.
        rows: Which of them, shape ``(B,)``, int64.
    """

    stack: Tensor
    rows: Tensor

    @classmethod
    def of(cls, image: Images | Tensor) -> Images:
        """All images of a tensor."""
        return image if isinstance(image, Images) else cls(image.float(), torch.arange(len(image)))


class CompiledCells(NamedTuple):
    """Other ways to compute what `CellFeatures` and its policies compute; `sandbox.backends.sb3.fast.cells`.

    Attributes:
        layers: From `Images`, what is added before each nonlinearity, and the weights of the direct scores,
            of every layer and of the scores to scores, and mean and greatest of the last layer.
        means: From `Images` to the mean of every plane.
        draw: From scores and mask to actions and their log-probabilities.
        judge: From scores, actions and mask to log-probabilities and entropies.
    """

    layers: Callable[..., tuple[Tensor, Tensor, Tensor]]
    means: Callable[[Images], Tensor]
    draw: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
    judge: Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]


class CellFeatures(BaseFeaturesExtractor):
    """Scores of all actions, and beside them a summary of the whole for the critic.

    The first layer looks at 3 × 3 cells, later ones at the cell alone; every hidden layer adds a context
    from the flat parts and the planes' means. A cell's planes also add to its score directly.

    Args:
        observation_space: See `image_and_rest`.
        channels: Of each hidden layer.
        per_cell: Actions of each cell.
        activation: Nonlinearity.

    Attributes:
        compiled: What computes the layers in place of PyTorch: the same numbers up to rounding, in less time.
    """

    def __init__(
        self,
        observation_space: Space,
        channels: tuple[int, ...],
        per_cell: int,
        activation: type[nn.Module],
    ) -> None:
        self.key, self.flat = image_and_rest(observation_space)
        planes, height, width = _shape(observation_space, self.key)
        self.actions = per_cell * height * width
        self.compiled: CompiledCells | None = None
        self.summary = 2 * channels[-1] + CONTEXT
        super().__init__(observation_space, self.actions + self.summary)
        inputs = planes + sum(_shape(observation_space, key)[0] for key in self.flat)
        self.context = nn.Sequential(
            nn.Linear(inputs, 2 * CONTEXT), activation(), nn.Linear(2 * CONTEXT, CONTEXT), activation()
        )
        sizes = (planes, *channels)
        self.widest = max(sizes)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3 if index == 0 else 1, padding=1 if index == 0 else 0)
            for index, (before, after) in enumerate(zip(sizes, channels, strict=False))
        )
        # From the context to each layer. Saved policies hold the weights under this name.
        self.told = nn.ModuleList(nn.Linear(CONTEXT, size, bias=False) for size in channels)
        self.activation = activation()
        self.score = nn.Conv2d(channels[-1], per_cell, 1, bias=False)
        self.direct = nn.Conv2d(planes, per_cell, 1, bias=False)
        # All cells start equal, so the first policy is uniform over what the mask allows.
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.direct.weight)

    def forward(self, observation: PyTorchObs) -> Tensor:
        """Scores and summary, shape ``(batch, actions + summary)``."""
        if self.compiled is not None:
            return torch.cat(self.compiled_parts(observation), 1)
        image, flat = self._parts(observation)
        rows = max(PART_SIZE // (self.widest * image.shape[2] * image.shape[3]), 1)
        if not self.training or len(image) <= rows:
            return self._score(image, flat)
        parts = zip(torch.split(image, rows), *(torch.split(part, rows) for part in flat), strict=True)
        return torch.cat([self._score(part, list(rest)) for part, *rest in parts])

    def _score(self, image: Tensor, flat: list[Tensor]) -> Tensor:
        image = image.contiguous(memory_format=torch.channels_last)
        context = self.context(torch.cat([image.mean((2, 3)), *flat], 1))
        hidden = image
        for layer, from_context in zip(self.layers, self.told, strict=True):
            hidden = self.activation(layer(hidden) + from_context(context)[:, :, None, None])
        scores = SHARPNESS * (self.score(hidden) + self.direct(image)).flatten(1)
        return torch.cat([scores, hidden.mean((2, 3)), hidden.amax((2, 3)), context], 1)

    def compiled_parts(self, observation: PyTorchObs) -> tuple[Tensor, Tensor]:
        """Scores, shape ``(batch, actions)``, and summary, ``(batch, summary)``, by compiled loops.

        The image may be `Images`.
        """
        assert self.compiled is not None
        image, flat = self._parts(observation)
        images = Images.of(image)
        context = self.context(torch.cat([self.compiled.means(images), *(part.float() for part in flat)], 1))
        levels = torch.cat([part(context) for part in self.told], 1)
        levels = levels + torch.cat([layer.get_parameter("bias") for layer in self.layers])
        weights = [layer.get_parameter("weight").flatten(1) for layer in self.layers]
        direct, score = (SHARPNESS * layer.weight.flatten(1) for layer in (self.direct, self.score))
        scores, mean, greatest = self.compiled.layers(images, levels, direct, *weights, score)
        return scores, torch.cat([mean, greatest, context], 1)

    def _parts(self, observation: PyTorchObs) -> tuple[Tensor, list[Tensor]]:
        if isinstance(observation, Mapping):
            assert self.key is not None
            return observation[self.key], [observation[key] for key in self.flat]
        return observation, []


class _Columns(nn.Module):
    """A range of columns."""

    def __init__(self, first: int, last: int | None) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, features: Tensor) -> Tensor:
        return features[:, self.first : self.last]


class _Split(nn.Module):
    """The actor takes the scores as they are, the critic a small network on the summary."""

    def __init__(
        self, actions: int, summary: int, layers: tuple[int, ...], activation: type[nn.Module]
    ) -> None:
        super().__init__()
        self.latent_dim_pi = actions
        self.policy_net = _Columns(0, actions)
        critic: list[nn.Module] = [_Columns(actions, None)]
        for before, after in zip((summary, *layers), layers, strict=False):
            critic += [nn.Linear(before, after), activation()]
        self.latent_dim_vf = layers[-1] if layers else summary
        self.value_net = nn.Sequential(*critic)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.policy_net(features), self.value_net(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        scores: Tensor = self.policy_net(features)
        return scores

    def forward_critic(self, features: Tensor) -> Tensor:
        value: Tensor = self.value_net(features)
        return value


Judged = tuple[Tensor, Tensor, Tensor | None]
"""Values, shape ``(batch, 1)``, log-probabilities and entropies, ``(batch,)`` each."""

Chosen = tuple[Tensor, Tensor, Tensor]
"""Actions, shape ``(batch,)``, values, ``(batch, 1)``, and log-probabilities of the actions, ``(batch,)``."""


class CellPolicy(ActorCriticPolicy):
    """PPO's policy on cells."""

    def _build(self, lr_schedule: Schedule) -> None:
        _build(self, lr_schedule)

    def forward(self, obs: Tensor, deterministic: bool = False) -> Chosen:
        """Choose actions."""
        if self.features_extractor.compiled is not None and not deterministic:
            return _choose(self, obs, None)
        return super().forward(obs, deterministic)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> Judged:
        """Values, log-probabilities and entropies of actions that were taken."""
        if self.features_extractor.compiled is not None:
            return _judge(self, obs, actions, None)
        return super().evaluate_actions(obs, actions)


class MaskableCellPolicy(MaskableActorCriticPolicy):
    """Maskable PPO's policy on cells."""

    def _build(self, lr_schedule: Schedule) -> None:
        _build(self, lr_schedule)

    def forward(self, obs: Tensor, deterministic: bool = False, action_masks: Array | None = None) -> Chosen:
        """Choose actions that masks allow."""
        if self.features_extractor.compiled is not None and not deterministic:
            return _choose(self, obs, None if action_masks is None else torch.as_tensor(action_masks))
        return super().forward(obs, deterministic, action_masks)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: Tensor, action_masks: Tensor | None = None
    ) -> Judged:
        """Values, log-probabilities and entropies of actions that were taken."""
        if self.features_extractor.compiled is not None:
            return _judge(self, obs, actions, action_masks)
        return super().evaluate_actions(obs, actions, action_masks)


def _choose(
    policy: ActorCriticPolicy | MaskableActorCriticPolicy, observation: PyTorchObs, mask: Tensor | None
) -> Chosen:
    """What `forward` gives, from the same random numbers, without normalising the scores three times."""
    compiled, scores, values = _compiled_scores(policy, observation)
    actions, log_probs = compiled.draw(scores, None if mask is None else mask.bool().reshape(scores.shape))
    return actions, values, log_probs


def _judge(
    policy: ActorCriticPolicy | MaskableActorCriticPolicy,
    observation: PyTorchObs,
    actions: Tensor,
    mask: Tensor | None,
) -> Judged:
    """What `evaluate_actions` gives, without the tensors that a chain of distributions keeps."""
    compiled, scores, values = _compiled_scores(policy, observation)
    return values, *compiled.judge(scores, actions.long(), None if mask is None else mask.bool())


def _compiled_scores(
    policy: ActorCriticPolicy | MaskableActorCriticPolicy, observation: PyTorchObs
) -> tuple[CompiledCells, Tensor, Tensor]:
    """What computed them, scores, shape ``(batch, actions)``, and values, ``(batch, 1)``."""
    extractor, split = policy.features_extractor, policy.mlp_extractor
    assert isinstance(extractor, CellFeatures)
    assert extractor.compiled is not None
    assert isinstance(split, _Split)
    scores, summary = extractor.compiled_parts(observation)
    return extractor.compiled, scores, policy.value_net(split.value_net[1:](summary))


def _build(policy: ActorCriticPolicy | MaskableActorCriticPolicy, lr_schedule: Schedule) -> None:
    extractor = policy.features_extractor
    assert isinstance(extractor, CellFeatures)
    layers = tuple(policy.net_arch["vf"] if isinstance(policy.net_arch, dict) else policy.net_arch)
    split = _Split(extractor.actions, extractor.summary, layers, policy.activation_fn)
    policy.mlp_extractor = split  # type: ignore[assignment]
    policy.action_net = nn.Identity()
    policy.value_net = nn.Linear(split.latent_dim_vf, 1)
    policy.optimizer = policy.optimizer_class(
        policy.parameters(),
        lr=lr_schedule(1),  # type: ignore[call-arg]
        **policy.optimizer_kwargs,
    )
