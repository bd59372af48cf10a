"""What a seed decides about an episode before any vehicle moves, the same on every simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.network.signal_network import SignalNetwork


@dataclass(frozen=True)
class EpisodePlan:
    """An episode as its seed has it.

    Attributes:
        begin: Time at which it begins, s.
        scale: Factor on the demand.
        sumo_seed: Seed of the drivers.
        jam: Time for which one phase of every signal is held before the first decision, s; 0 for none.
        held: That phase of each signal; empty without a jam.
    """

    begin: int
    scale: float
    sumo_seed: int
    jam: int
    held: tuple[int, ...]


def plan_episode(config: SignalConfig, network: SignalNetwork, seed: int) -> EpisodePlan:
    """The episode that belongs to a seed."""
    # A generator of its own: without spread, window and jam the seed's episode stays the same.
    rng = np.random.default_rng([seed, 1])
    scale = config.demand * (1 + config.demand_spread * rng.uniform(-1, 1))
    interval = config.decision_interval
    begin = config.begin + interval * int(rng.integers(config.window // interval + 1))
    sumo_seed = seed if config.sumo_seed is None or config.sumo_seed < 0 else config.sumo_seed
    jam = int(rng.integers(config.jam + 1)) * int(rng.integers(2))
    held = tuple(int(rng.integers(len(signal.phases))) for signal in network.signals) if jam else ()
    return EpisodePlan(begin, scale, sumo_seed, jam, held)
