"""What the signals show: requested phases under the rules of `sandbox_traffic.dynamics`, or programs."""

from __future__ import annotations

from sandbox_traffic.twin.arrays import MAJOR, Signals, State, World
from sandbox_traffic.twin.jit import njit

NOW, NEXT, FOLLOWING = range(3)
"""Columns of ``State.clock``."""


@njit
def _allows(signals: Signals, state: State, row: int, signal: int, wanted: int, interval: float) -> bool:
    """Whether a phase keeps the rules; see `sandbox_traffic.dynamics.PhaseClock.allows`."""
    now, shown = state.clock[row, NOW], state.phase[row, signal]
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
def request(world: World, state: State, row: int, signal: int, phase: int) -> None:
    """Request a phase of a signal; where it is not allowed, the present or the next allowed one follows."""
    signals, shown = world.signals, state.phase[row, signal]
    chosen = phase
    state.held[row, signal] = False
    if not _allows(signals, state, row, signal, phase, world.interval):
        state.held[row, signal] = True
        chosen = shown
        for step in range(signals.phases[signal]):
            other = (shown + step) % signals.phases[signal]
            if _allows(signals, state, row, signal, other, world.interval):
                chosen = other
                break
    if chosen == shown:
        return
    now = state.clock[row, NOW]
    first, count = signals.first[signal, shown, chosen], signals.count[signal, shown, chosen]
    state.requested[row, signal], state.switch[row, signal] = now, first
    state.switches[row, signal] = count
    start = now + signals.after[first + count - 1]
    for ring in range(state.green_since.shape[2]):
        if signals.rings[signal, chosen, ring] != signals.rings[signal, shown, ring]:
            state.green_since[row, signal, ring] = start
    state.phase[row, signal] = chosen


@njit
def show(world: World, state: State, row: int) -> None:
    """Let every signal show what is due now."""
    signals, now = world.signals, state.clock[row, NOW]
    for signal in range(len(signals.phases)):
        if state.clock[row, FOLLOWING] > 0 or signals.phases[signal] < 2:
            _follow(signals, state, row, signal)
            continue
        while state.switches[row, signal] > 0:
            place = state.switch[row, signal]
            if state.requested[row, signal] + signals.after[place] > now:
                break
            state.shown[row, signal] = signals.state[place]
            state.switch[row, signal] += 1
            state.switches[row, signal] -= 1


@njit
def _follow(signals: Signals, state: State, row: int, signal: int) -> None:
    """Show the step of the signal's program that it is in."""
    first, end = signals.program[signal], signals.program[signal + 1]
    cycle = 0.0
    for step in range(first, end):
        cycle += signals.step_time[step]
    time = (state.clock[row, NOW] - signals.offset[signal]) % cycle
    for step in range(first, end):
        if time < signals.step_time[step] or step == end - 1:
            state.shown[row, signal] = signals.step_state[step]
            phase = signals.step_phase[step]
            if phase >= 0 and phase != state.phase[row, signal]:
                state.phase[row, signal] = phase
                for ring in range(state.green_since.shape[2]):
                    state.green_since[row, signal, ring] = state.clock[row, NOW]
            return
        time -= signals.step_time[step]


@njit
def light_of(world: World, state: State, row: int, link: int) -> int:
    """The light of a link; links without a signal have green, with or without priority."""
    signal = world.roads.signal[link]
    if signal < 0:
        return MAJOR - int(world.roads.minor[link])
    return int(world.signals.lights[state.shown[row, signal], world.roads.light[link]])
