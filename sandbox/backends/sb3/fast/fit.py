"""Which trainings the core can do."""

from __future__ import annotations

import importlib.util

from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

from sandbox.api.errors import MisfitError
from sandbox.api.types import Space
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.config.common import Config
from sandbox.backends.sb3.networks import Network, convolutional

MAX_UNITS = 256
"""Units of the widest hidden layer up to which ``backend=auto`` takes the core."""

MIN_STEPS = 1_000_000
"""Steps from which on it does: below, what the core saves is less than compiling it takes the first time."""


def uses_core(algorithm: SB3Algorithm, config: Config, observation_space: Space, steps: int) -> bool:
    """Whether a training of ``steps`` steps runs on the core.

    Raises:
        MisfitError: If ``backend=fast`` asks for it and the policy has layers that it does not know.
    """
    backend: str = getattr(config, "backend", "sb3")
    if backend == "sb3":
        return False
    network = Network.of(algorithm, config)
    if network.convolution is not None:
        return False
    images = _has_convolution(observation_space)
    if backend == "fast":
        if images:
            raise MisfitError(
                "backend=fast computes multilayer perceptrons, and the policy of this task looks at images.",
                "Use --hp backend=sb3.",
            )
        return True
    small = max(network.net_arch or (64,)) <= MAX_UNITS
    return small and steps >= MIN_STEPS and not images and not algorithm.recurrent


def compiles_cells(config: Config) -> bool:
    """Whether the layers of a policy that scores cells are computed by `sandbox.backends.sb3.fast.cells`."""
    backend: str = getattr(config, "backend", "sb3")
    cells = getattr(config, "convolution", None) is not None and config.activation == "relu"
    return cells and backend != "sb3" and importlib.util.find_spec("numba") is not None


def _has_convolution(space: Space) -> bool:
    if isinstance(space, spaces.Dict):
        return any(isinstance(part, spaces.Box) and is_image_space(part) for part in space.values())
    return convolutional(space)
