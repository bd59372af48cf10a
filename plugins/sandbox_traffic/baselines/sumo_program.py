"""Signals left to SUMO: the network's own programs, and SUMO's own controllers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.baselines.controller import Controller, TrafficEnv
from sandbox_traffic.sumo_programs import NEMA, OWN


class SumoControl(Controller):
    """Lets SUMO run the signals; the phases that it chooses are what SUMO shows.

    Args:
        env: The environment.
        program: What SUMO runs; see `sandbox_traffic.sumo_programs.sumo_programs`.
    """

    def __init__(self, env: TrafficEnv, program: str) -> None:
        super().__init__(env)
        self._program = program

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[np.int64]:
        """The phases that SUMO shows or changes to, shape ``(num_envs · signals,)``."""
        if self.batch.program != self._program:
            self.batch.follow(self._program)
        return self.batch.phases().ravel()


def fixed_time(env: TrafficEnv) -> SumoControl:
    """Make the baseline ``fixed-time``: the network's own programs, SUMO left alone."""
    return SumoControl(env, OWN)


def sumo_actuated(env: TrafficEnv) -> SumoControl:
    """Make the baseline ``sumo-actuated``."""
    return SumoControl(env, "actuated")


def sumo_delay_based(env: TrafficEnv) -> SumoControl:
    """Make the baseline ``sumo-delay-based``."""
    return SumoControl(env, "delay_based")


def sumo_nema(env: TrafficEnv) -> SumoControl:
    """Make the baseline ``sumo-nema``."""
    return SumoControl(env, NEMA)
