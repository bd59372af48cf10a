"""What the baselines have in common: they read the simulation of the environment that they are made for."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import numpy as np

from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.simulation import Simulation


class SimulatedEnv(Protocol):
    """An environment of this domain, single or batched."""

    @property
    def simulation(self) -> Simulation:
        """Its robots."""
        ...


class ClassicalPolicy:
    """A policy that is made from its environment and cannot be saved."""

    def save(self, directory: Path) -> None:
        """Not supported.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def tuned_parameters(file: str) -> Floats | None:
    """The parameters in a file of ``data/``; None if there is no such file."""
    path = files("sandbox_locomotion") / "data" / file
    return np.array(json.loads(path.read_text("utf-8"))["numbers"]) if path.is_file() else None
