"""Environments of the domain, and models of a user's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sandbox_diffusion.config import DenoisingConfig, SetConfig
from sandbox_diffusion.env import make, make_set, make_set_vec, make_vec
from sandbox_diffusion.reward import REWARDS, SET_REWARDS


def image_env(**config: Any) -> Any:
    """One image an episode."""
    return make(DenoisingConfig(**config), REWARDS["goal"])


def image_envs(num_envs: int, **config: Any) -> Any:
    """Many of them."""
    return make_vec(DenoisingConfig(**config), REWARDS["goal"], num_envs)


def set_env(**config: Any) -> Any:
    """A set of images an episode."""
    return make_set(SetConfig(**config), SET_REWARDS["goal"])


def set_envs(num_envs: int, **config: Any) -> Any:
    """Many of them."""
    return make_set_vec(SetConfig(**config), SET_REWARDS["goal"], num_envs)


class TinyUNet(nn.Module):
    """A user's own network: one convolution over the image and its noise level."""

    image_shape = (3, 6, 6)

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, image: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        level = (timestep / 1000.0).view(-1, 1, 1, 1).expand(-1, 1, *image.shape[2:])
        return self.convolution(torch.cat([image, level], dim=1))


def tiny_unet() -> TinyUNet:
    """The same weights at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TinyUNet()


def nothing() -> int:
    """What is no network."""
    return 3


def redness(images: Any) -> Any:
    """A user's goal for images of three channels."""
    return images[:, 0].mean(axis=(1, 2)) - images[:, 1:].mean(axis=(1, 2, 3))
