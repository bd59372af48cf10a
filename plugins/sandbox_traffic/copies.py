"""Copies of one network that are simulated side by side; what all environments are adapters of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import RewardBreakdown, RewardSpec
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.control import SignalControl, survey
from sandbox_traffic.observations import OBSERVATIONS, Observer
from sandbox_traffic.scene import Scene, masks
from sandbox_traffic.tally import Tally


class Copies:
    """Simulations of one network, all asked before any answer is waited for.

    Every method works on all copies or on those named, and gives the same numbers for a copy however
    many there are.

    Args:
        config: The parameters.
        reward: The reward of every signal.
        number: How many.

    Attributes:
        controls: The copies.
        observer: Makes observations.
        reward: The reward of every signal.
        scene: All copies at the present time.
    """

    def __init__(self, config: SignalConfig, reward: RewardSpec, number: int = 1) -> None:
        self.ground = survey(config)
        self.observer = Observer(self.ground, OBSERVATIONS[config.observation])
        self.reward = reward
        self._values = np.zeros((number, self.ground.spec.size))
        self.controls = [SignalControl(config, self.ground) for _ in range(number)]
        for control, row in zip(self.controls, self._values, strict=True):
            control.values = row
        self._scene: Scene | None = None
        self._tally = Tally(number, len(self.ground.signals))

    @property
    def scene(self) -> Scene:
        """All copies at the present time."""
        if self._scene is None:
            raise RuntimeError("no episode has begun: call reset() first")
        return self._scene

    def reset(self, seeds: Mapping[int, int]) -> None:
        """Begin the episode of each seed in the copy that it is given for."""
        for copy, seed in seeds.items():
            self.controls[copy].begin_reset(seed)
        for copy in seeds:
            self.controls[copy].end_reset()
        self._scene = Scene(self.ground, self.controls, self._values)
        self._tally.forget(list(seeds))

    def step(self, phases: NDArray[Any]) -> NDArray[np.bool_]:
        """Request phases, shape ``(copies, signals)``, and let one decision interval pass.

        Returns:
            Whose episode has ended, shape ``(copies,)``.
        """
        for control, row in zip(self.controls, phases.tolist(), strict=True):
            control.begin_step(row)
        for control in self.controls:
            control.end_step()
        for control in self.controls:
            control.end_episode()
        before = self.scene
        before.forget_past()
        self._scene = Scene(self.ground, self.controls, self._values, before)
        self._tally.add(self._scene)
        return np.array([not control.running for control in self.controls])

    def observe(self) -> NDArray[np.float32]:
        """Observations, shape ``(copies, signals, width)``."""
        return self.observer.observe(self.scene)

    def outcome(self) -> RewardBreakdown:
        """Reward and terms of the last interval, shape ``(copies, signals)`` each."""
        return self.reward(self.scene.transition())

    def masks(self) -> NDArray[np.bool_]:
        """Allowed phases, shape ``(copies, signals, most phases)``."""
        return masks(self.ground, self.controls)

    def phases(self) -> NDArray[np.int64]:
        """Phase of every signal, shape ``(copies, signals)``."""
        return np.asarray(self.scene.phase, dtype=np.int64)

    def held(self) -> NDArray[np.bool_]:
        """Whose latest request was refused, shape ``(copies, signals)``."""
        return np.array([control.held for control in self.controls])

    def signal_metrics(self) -> dict[str, NDArray[np.float64]]:
        """What each signal has done since its episode began, shape ``(copies, signals)`` each."""
        return self._tally.metrics()

    def close(self) -> None:
        """Free the simulators."""
        for control in self.controls:
            control.close()
