"""Controllers that choose the phase of highest value at every decision."""

from __future__ import annotations

from sandbox_traffic.baselines.controller import Controller, Place, best_phase
from sandbox_traffic.state import SignalState


class MaxPressure(Controller):
    """Max-pressure (Varaiya 2013): argmax over phases of Σ over movements of incoming − outgoing vehicles.

    The vehicles of an approach count for each of its movements, as turning ratios are not known.
    """

    def choose(self, state: SignalState, place: Place) -> int:
        """The phase of largest pressure."""
        return best_phase(state, state.signal.moves @ state.movement_pressure)


class MaxWave(Controller):
    """The phase that serves most vehicles, standing or approaching (RESCO's greedy controller)."""

    def choose(self, state: SignalState, place: Place) -> int:
        """The phase with the largest wave."""
        return best_phase(state, state.signal.serves @ state.count)
