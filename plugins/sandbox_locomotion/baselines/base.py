"""What the baselines have in common: they read the simulation of the environment that they are made for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sandbox.api import RewardSpec
from sandbox_locomotion.simulation import Simulation


class SimulatedCore(Protocol):
    """The core of an environment of this domain."""

    @property
    def simulation(self) -> Simulation:
        """Its robots."""
        ...


class SimulatedEnv(Protocol):
    """An environment of this domain, single or batched."""

    @property
    def core(self) -> SimulatedCore:
        """What it plays."""
        ...

    @property
    def reward(self) -> RewardSpec:
        """The task's reward."""
        ...


class ClassicalPolicy:
    """A policy that is made from its environment and cannot be saved."""

    def save(self, directory: Path) -> None:
        """Not supported.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not from a file")
