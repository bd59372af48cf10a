"""The networks that ship: a denoiser of digits, the classifier that rewards, and the one that judges."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SIDE = 8
PIXELS = SIDE * SIDE
CLASSES = 10
FEATURES = 16


class DigitDenoiser(nn.Module):
    """Predicts the noise in an image from it and its noise level: residual blocks of two dense layers.

    Args:
        width: Units of a layer.
        blocks: Residual blocks.
        frequencies: Sines and as many cosines that a level is told by.
    """

    image_shape = (1, SIDE, SIDE)

    def __init__(self, width: int = 160, blocks: int = 3, frequencies: int = 16) -> None:
        super().__init__()
        self.enter = nn.Linear(PIXELS, width)
        self.time = nn.Linear(2 * frequencies, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.leave = nn.Linear(width, PIXELS)
        scale = torch.exp(-math.log(1e4) * torch.arange(frequencies) / frequencies)
        self.register_buffer("scale", scale, persistent=False)
        self.scale: Tensor

    def forward(self, image: Tensor, timestep: Tensor) -> Tensor:
        """Noise of the shape of the image, ``(n, 1, 8, 8)``, in which pixels go from −1 to 1.

        Args:
            image: Noisy images.
            timestep: Number of the noise level of each, shape ``(n,)``.
        """
        angle = timestep[:, None].float() * self.scale
        level = nn.functional.silu(self.time(torch.cat([angle.sin(), angle.cos()], 1)))
        hidden = self.enter(image.flatten(1))
        for block in self.blocks:
            hidden = block(hidden, level)
        noise: Tensor = self.leave(nn.functional.silu(hidden))
        return noise.view_as(image)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first, self.level = nn.Linear(width, width), nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, hidden: Tensor, level: Tensor) -> Tensor:
        inner = nn.functional.silu(self.first(self.norm(hidden)) + self.level(level))
        out: Tensor = hidden + self.second(inner)
        return out


class RewardClassifier(nn.Module):
    """A dense network of one hidden layer: right on most digits, and easy to fool."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(PIXELS, hidden), nn.Linear(hidden, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """Log odds of shape ``(n, 10)`` of images with pixels from −1 to 1."""
        odds: Tensor = self.out(torch.relu(self.hidden(image.flatten(1))))
        return odds


class JudgeClassifier(nn.Module):
    """A convolutional network, trained on moved and noisy digits; its features measure distances."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.embed = nn.Linear(2 * channels * PIXELS // 4, FEATURES)
        self.out = nn.Linear(FEATURES, CLASSES)

    def features(self, image: Tensor) -> Tensor:
        """Of shape ``(n, 16)``."""
        maps = torch.relu(self.second(torch.relu(self.first(image.view(-1, 1, SIDE, SIDE)))))
        embedded: Tensor = self.embed(nn.functional.max_pool2d(maps, 2).flatten(1))
        return embedded

    def forward(self, image: Tensor) -> Tensor:
        """Log odds of shape ``(n, 10)``."""
        odds: Tensor = self.out(torch.relu(self.features(image)))
        return odds
