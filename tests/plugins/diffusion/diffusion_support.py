"""Environments of the domain, and models of a user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
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


class Square(nn.Module):
    """Says of an image of a digit what it is told to."""

    image_shape: Any = (1, 8, 8)

    def __init__(self, say: Any) -> None:
        super().__init__()
        self.say = say

    def forward(self, image: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return self.say(image)


def halved() -> Square:
    """Half of the image."""
    return Square(lambda image: image[:, :, :4])


def undefined_net() -> Square:
    """NaN."""
    return Square(lambda image: image * float("nan"))


def unsound() -> Square:
    """An exception."""

    def fail(image: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("inside the network")

    return Square(fail)


def rising() -> Square:
    """Noise levels that are none."""
    net = Square(lambda image: image)
    net.alphas_cumprod = np.array([0.1, 0.9, 2.0])
    return net


def shapeless() -> Square:
    """A shape that is none."""
    net = Square(lambda image: image)
    net.image_shape = 8
    return net


def mistaken(images: np.ndarray) -> np.ndarray:
    """A goal with a mistake."""
    raise ValueError("my own mistake")


def words(images: np.ndarray) -> list[str]:
    """A goal in words."""
    return ["good"] * len(images)


def undefined(images: np.ndarray) -> np.ndarray:
    """A goal without a value."""
    return np.full(len(images), np.nan)


three = 3


def nothing() -> int:
    """What is no network."""
    return 3


def redness(images: Any) -> Any:
    """A user's goal for images of three channels."""
    return images[:, 0].mean(axis=(1, 2)) - images[:, 1:].mean(axis=(1, 2, 3))
