"""The network: a residual tower of convolutions with a head for the policy and one for the value.

Source: Silver et al. 2017, Mastering the game of Go without human knowledge, Methods.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

POLICY_CHANNELS, VALUE_CHANNELS, VALUE_UNITS = 32, 16, 64


class Block(nn.Module):
    """Two convolutions around which the input is carried."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.first_norm = _convolution(channels, channels, 3)
        self.second, self.second_norm = _convolution(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Shape ``(n, channels, height, width)`` in and out."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(x + self.second_norm(self.second(y)))


class Network(nn.Module):
    """From planes to the logits of all actions and the expected outcome for the player to move.

    Args:
        shape: ``(planes, height, width)``.
        actions: Number of actions.
        channels: Of the convolutions.
        blocks: Residual blocks.
    """

    def __init__(self, shape: tuple[int, int, int], actions: int, channels: int, blocks: int) -> None:
        super().__init__()
        planes, height, width = shape
        self.stem, self.stem_norm = _convolution(planes, channels, 3)
        self.tower = nn.Sequential(*[Block(channels) for _ in range(blocks)])
        self.policy, self.policy_norm = _convolution(channels, POLICY_CHANNELS, 1)
        self.policy_out = nn.Linear(POLICY_CHANNELS * height * width, actions)
        self.value, self.value_norm = _convolution(channels, VALUE_CHANNELS, 1)
        self.value_hidden = nn.Linear(VALUE_CHANNELS * height * width, VALUE_UNITS)
        self.value_out = nn.Linear(VALUE_UNITS, 1)
        nn.init.zeros_(self.policy_out.bias)
        nn.init.normal_(self.policy_out.weight, std=0.01)  # begin with nearly equal moves
        nn.init.normal_(self.value_out.weight, std=0.01)
        nn.init.zeros_(self.value_out.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of shape ``(n, actions)``, values in [-1, 1] of shape ``(n,)``."""
        x = self.tower(torch.relu(self.stem_norm(self.stem(x))))
        policy = torch.relu(self.policy_norm(self.policy(x))).flatten(1)
        value = torch.relu(self.value_norm(self.value(x))).flatten(1)
        hidden = torch.relu(self.value_hidden(value))
        return self.policy_out(policy), torch.tanh(self.value_out(hidden)).squeeze(1)

    def fused(self) -> Network:
        """A copy for inference: normalisation folded into the convolutions, faster by a third."""
        other = copy.deepcopy(self).eval()
        pairs: list[tuple[Any, str]] = [(other, "stem"), (other, "policy"), (other, "value")]
        pairs += [(block, name) for block in other.tower for name in ("first", "second")]
        for module, name in pairs:
            norm = f"{name}_norm"
            setattr(module, name, fuse_conv_bn_eval(getattr(module, name), getattr(module, norm)))
            setattr(module, norm, nn.Identity())
        last: Any = torch.channels_last
        return other.to(memory_format=last)  # type: ignore[call-overload, no-any-return]


class DenseNetwork(nn.Module):
    """As `Network`, of fully connected residual blocks: less knowing, but many times faster on small boards.

    Args:
        shape: ``(planes, height, width)``.
        actions: Number of actions.
        units: Width of the blocks.
        blocks: Residual blocks.
    """

    def __init__(self, shape: tuple[int, int, int], actions: int, units: int, blocks: int) -> None:
        super().__init__()
        planes, height, width = shape
        self.stem = nn.Linear(planes * height * width, units)
        self.tower = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(units), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, units))
            for _ in range(blocks)
        )
        self.policy_out = nn.Linear(units, actions)
        self.value_out = nn.Linear(units, 1)
        for out in (self.policy_out, self.value_out):
            nn.init.normal_(out.weight, std=0.01)
            nn.init.zeros_(out.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of shape ``(n, actions)``, values in [-1, 1] of shape ``(n,)``."""
        y = self.stem(x.flatten(1))
        for block in self.tower:
            y = y + block(y)
        y = torch.relu(y)
        return self.policy_out(y), torch.tanh(self.value_out(y)).squeeze(1)

    def fused(self) -> DenseNetwork:
        """A copy for inference."""
        return copy.deepcopy(self).eval()


Net = Network | DenseNetwork


def make_network(kind: str, shape: tuple[int, int, int], actions: int, channels: int, blocks: int) -> Net:
    """A network with random weights; ``kind`` is ``convolutional`` or ``dense``."""
    made = DenseNetwork if kind == "dense" else Network
    return made(shape, actions, channels, blocks)


class Evaluator:
    """A fused network as the search calls it, with arrays; usable from several threads at once.

    Args:
        network: Gives the weights, which are copied.
    """

    def __init__(self, network: Net) -> None:
        self._network: nn.Module = network.fused()

    def __call__(self, planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits of shape ``(n, actions)`` and values of shape ``(n,)``."""
        with torch.inference_mode():
            x = torch.from_numpy(planes).contiguous(memory_format=torch.channels_last)
            logits, values = self._network(x)
        return logits.numpy(), values.numpy()


def _convolution(inputs: int, outputs: int, size: int) -> tuple[nn.Module, nn.Module]:
    # Declared as modules, since fusing replaces them.
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False), nn.BatchNorm2d(outputs)
