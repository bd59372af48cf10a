"""ALINEA: ramp metering by the occupancy downstream (Papageorgiou, Hadj-Salem and Blosseville 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_traffic.baselines.actuated import Actuated
from sandbox_traffic.baselines.controller import Place, TrafficEnv
from sandbox_traffic.baselines.parameters import DEFAULTS, tuned_parameters
from sandbox_traffic.network.webster import SATURATION_FLOW
from sandbox_traffic.state import SignalState

METER_CYCLE = 40.0
"""Cycle of a meter, s."""

LEAST_RATE = 200.0
"""Least flow that a meter lets in, vehicles/h."""

VEHICLE_LENGTH = 5.0
"""Length of a vehicle, m, for the share of a road that is occupied."""


@dataclass(slots=True)
class _Meter:
    """A meter in execution.

    Attributes:
        start: Start of the present cycle, s.
        rate: Flow that is let in, vehicles/h.
        occupancy: Sum of the occupancies since then, %.
        samples: Their number.
    """

    start: float
    rate: float
    occupancy: float = 0.0
    samples: int = 0


class Alinea(Actuated):
    """ALINEA at ramp meters, actuated control at all other signals.

    Once a cycle of 40 s, the rate is r(k) = r(k−1) + K (ô − o(k)), with o the mean occupancy of the road
    where the ramp merges, in per cent, and between 200 vehicles/h and the saturation flow of the ramp's
    lanes. The meter is green for the share of the cycle that lets this rate in.

    Args:
        env: The environment.
        target: Occupancy ô, %.
        gain: K, vehicles/h for each per cent; 70 in the paper.
        passage: Of actuated control, s.
    """

    memoryless = False

    def __init__(
        self,
        env: TrafficEnv,
        target: float = DEFAULTS["alinea"]["target"],
        gain: float = DEFAULTS["alinea"]["gain"],
        passage: float = DEFAULTS["actuated"]["passage"],
    ) -> None:
        super().__init__(env, passage)
        self._target, self._gain = target, gain
        self._meters: dict[Place, _Meter] = {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all rates."""
        self._meters.clear()

    def choose(self, state: SignalState, place: Place) -> int:
        """Green while the cycle lets vehicles in, else red."""
        merge = self.batch.network.merge_lanes[place[1]]
        if not len(merge):
            return super().choose(state, place)
        most = SATURATION_FLOW * len(state.signal.incoming)
        meter = self._meters.get(place)
        if meter is None or meter.start > state.now:  # later than now: of the episode before
            meter = self._meters[place] = _Meter(state.now, most)
        count = self.batch.state.snapshot.count[place[0], merge]
        meter.occupancy += self.occupancy(float(count.sum()), merge)
        meter.samples += 1
        if state.now - meter.start >= METER_CYCLE:
            rate = metering_rate(meter.rate, meter.occupancy / meter.samples, self._target, self._gain, most)
            meter = self._meters[place] = _Meter(state.now, rate)
        green = state.now - meter.start < METER_CYCLE * meter.rate / most
        serving = state.signal.serves.sum(axis=1)
        wanted = int(np.argmax(serving) if green else np.argmin(serving))
        mask = state.action_mask
        return wanted if mask[wanted] else int(np.argmax(mask))

    def occupancy(self, vehicles: float, merge: np.ndarray[tuple[int], np.dtype[np.intp]]) -> float:
        """Share of the road that vehicles stand or drive on, %."""
        network = self.batch.network
        length = sum(network.roads.lanes[network.spec.lanes[lane]].length for lane in merge.tolist())
        return 100.0 * vehicles * VEHICLE_LENGTH / max(length, 1.0)


def metering_rate(rate: float, occupancy: float, target: float, gain: float, most: float) -> float:
    """The next rate of a meter, vehicles/h; occupancies in %."""
    return float(min(max(rate + gain * (target - occupancy), LEAST_RATE), most))


def alinea(env: TrafficEnv) -> Alinea:
    """Make the baseline ``alinea`` with the parameters tuned for its network."""
    config = env.batch.network.config
    return Alinea(env, **tuned_parameters(config, "alinea"), **tuned_parameters(config, "actuated"))
