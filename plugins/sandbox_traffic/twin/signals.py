"""What the signals show: requested phases under the rules of `sandbox_traffic.dynamics`, or programs."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import NOBODY, PROGRAMS, Net, Signals, State
from sandbox_traffic.twin.jit import njit


@njit
def _allows(signals: Signals, state: State, row: int, signal: int, wanted: int, interval: float) -> bool:
    """Whether a phase keeps the rules; see `sandbox_traffic.dynamics.PhaseClock.allows`."""
    now, shown = state.clock[row, 0].now, state.signals[row, signal].phase
    settled = True
    for ring in range(signals.width[signal]):
        settled = settled and state.green_since[row, signal, ring] <= now
    for ring in range(signals.width[signal]):
        green = now - state.green_since[row, signal, ring]
        may_go = settled and green >= signals.low[signal, shown, ring]
        changes = signals.rings[signal, wanted, ring] != signals.rings[signal, shown, ring]
        if changes and not may_go:
            return False
        if not changes and may_go and green + interval > signals.high[signal, shown, ring]:
            return False
    return True


@njit
def request(signals: Signals, state: State, row: int, signal: int, phase: int) -> None:
    """Request a phase of a signal; where it is not allowed, the present or the next allowed one follows."""
    shown = state.signals[row, signal].phase
    chosen = phase
    state.signals[row, signal].held = False
    if not _allows(signals, state, row, signal, phase, signals.interval):
        state.signals[row, signal].held = True
        chosen = shown
        for step in range(signals.phases[signal]):
            other = (shown + step) % signals.phases[signal]
            if _allows(signals, state, row, signal, other, signals.interval):
                chosen = other
                break
    if chosen == shown:
        return
    now = state.clock[row, 0].now
    first, count = signals.first[signal, shown, chosen], signals.number[signal, shown, chosen]
    state.signals[row, signal].requested, state.signals[row, signal].switch = now, first
    state.signals[row, signal].switches = count
    start = now + signals.after[first + count - 1]
    for ring in range(state.green_since.shape[2]):
        if signals.rings[signal, chosen, ring] != signals.rings[signal, shown, ring]:
            state.green_since[row, signal, ring] = start
    state.signals[row, signal].phase = chosen


@njit
def show(net: Net, signals: Signals, state: State, row: int) -> None:
    """Let every signal show what is due now, and note the light of every link; those without have green."""
    now = state.clock[row, 0].now
    for signal in range(len(signals.phases)):
        if state.clock[row, 0].mode == PROGRAMS or signals.phases[signal] < 2:
            _follow(signals, state, row, signal)
            continue
        while state.signals[row, signal].switches > 0:
            place = state.signals[row, signal].switch
            if state.signals[row, signal].requested + signals.after[place] > now:
                break
            state.signals[row, signal].shown = signals.state[place]
            state.signals[row, signal].switch += 1
            state.signals[row, signal].switches -= 1
    for link in range(len(net.links)):
        state.links[row, link].first = NOBODY
        signal = net.links[link].signal
        if signal < 0:
            state.links[row, link].light = net.links[link].right
        else:
            shown = state.signals[row, signal].shown
            state.links[row, link].light = signals.lights[shown, net.links[link].light]


@njit
def _follow(signals: Signals, state: State, row: int, signal: int) -> None:
    """Show the step of the signal's program that it is in."""
    first, end = signals.program[signal], signals.program[signal + 1]
    cycle = 0.0
    for step in range(first, end):
        cycle += signals.step_time[step]
    time = (state.clock[row, 0].now - signals.offset[signal]) % cycle
    for step in range(first, end):
        if time < signals.step_time[step] or step == end - 1:
            state.signals[row, signal].shown = signals.step_state[step]
            phase = signals.step_phase[step]
            if phase >= 0 and phase != state.signals[row, signal].phase:
                state.signals[row, signal].phase = phase
                for ring in range(state.green_since.shape[2]):
                    state.green_since[row, signal, ring] = state.clock[row, 0].now
            return
        time -= signals.step_time[step]
