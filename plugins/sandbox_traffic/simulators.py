"""Batches by the simulator that a configuration names."""

from __future__ import annotations

from sandbox.api import RewardSpec
from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.network.signal_network import SignalNetwork


def make_batch(
    config: SignalConfig, reward: RewardSpec, num_envs: int = 1, network: SignalNetwork | None = None
) -> SignalBatch:
    """A batch on SUMO, or of the twin; see `SignalBatch` for the arguments."""
    if config.simulator == "sumo":
        return SignalBatch(config, reward, num_envs, network)
    from sandbox_traffic.twin.batch import TwinBatch  # Numba is loaded by those who need it

    return TwinBatch(config, reward, num_envs, network)
