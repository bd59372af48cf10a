"""States of a signal, as SUMO writes them.

A state has one character for each link: ``G``/``g`` green with and without priority, ``y`` yellow,
``u`` red and yellow, ``r`` red, ``s`` stop then go (turn on red), ``o``/``O`` off.
"""

from __future__ import annotations

from collections.abc import Iterable

GREEN = frozenset("Gg")
CHANGING = frozenset("yYu")


def is_green_phase(state: str) -> bool:
    """Whether some link of ``state`` is green and none is about to change."""
    return any(link in GREEN for link in state) and not any(link in CHANGING for link in state)


def stop_line_light(state: str, links: Iterable[int]) -> str:
    """What the stop line of a lane shows: the most permissive light of its links.

    Args:
        state: State of the signal.
        links: Places of the lane's links in the state.

    Returns:
        ``G`` green, ``y`` yellow, ``u`` red and yellow, ``o`` off, or ``r`` red.
    """
    lights = {state[link] for link in links}
    for letters, light in (("Gg", "G"), ("yY", "y"), ("u", "u"), ("oO", "o")):
        if lights & set(letters):
            return light
    return "r"
