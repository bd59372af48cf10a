"""Lanes and neighbours of each signal as tables, for observations that need them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.approaches import Layout
from sandbox_traffic.network import Network


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Tables of shape ``(signals, most …)``, padded.

    Attributes:
        lane_length: Length of each incoming lane, m; padded with 1.
        exit_length: Length of each outgoing lane, m; likewise.
        movements: Approach and exit of each movement; padded with 0.
        feeders: Signal whose outgoing lane is on each approach; the number of signals where none is.
        feeding: For each approach and phase of its feeder, 1 where that phase has green towards it.
    """

    lane_length: NDArray[np.float64]
    exit_length: NDArray[np.float64]
    movements: tuple[NDArray[np.intp], NDArray[np.intp]]
    feeders: NDArray[np.intp]
    feeding: NDArray[np.float64]


def look_around(network: Network, layout: Layout) -> Surroundings:
    """The tables of a network.

    An approach is fed by a signal if one of its outgoing edges is that of the approach or leads to it
    without a signal between.
    """
    signals = network.signals
    most_phases = max(len(signal.greens) for signal in signals)
    lane_length = np.ones(layout.rows.shape)
    exit_length = np.ones(layout.exits.shape)
    most = max(len(signal.movements) for signal in signals)
    sources = np.zeros((len(signals), most), dtype=np.intp)
    targets = np.zeros((len(signals), most), dtype=np.intp)
    feeders = np.full(layout.rows.shape, len(signals), dtype=np.intp)
    feeding = np.zeros((*layout.rows.shape, most_phases))
    exits = {
        network.lanes[lane].edge: number for number, signal in enumerate(signals) for lane in signal.outgoing
    }
    for number, signal in enumerate(signals):
        lane_length[number, : len(signal.incoming)] = [network.lanes[lane].length for lane in signal.incoming]
        exit_length[number, : len(signal.outgoing)] = [network.lanes[lane].length for lane in signal.outgoing]
        sources[number, : len(signal.movements)] = signal.movements[:, 0]
        targets[number, : len(signal.movements)] = signal.movements[:, 1]
        for row, lane in enumerate(signal.incoming):
            edges = {network.lanes[name].edge for name in network.approach(lane, float("inf"))}
            feeder = next((exits[edge] for edge in sorted(edges) if exits.get(edge, number) != number), None)
            if feeder is not None:
                feeders[number, row] = feeder
                other = signals[feeder]
                towards = [
                    network.lanes[other.outgoing[exit_]].edge in edges for exit_ in other.movements[:, 1]
                ]
                feeding[number, row, : len(other.greens)] = (other.moves * towards).max(axis=1)
    return Surroundings(lane_length, exit_length, (sources, targets), feeders, feeding)
