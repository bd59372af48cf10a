"""States of a signal, as SUMO writes them.

A state has one character for each link: ``G``/``g`` green with and without priority, ``y`` yellow,
``u`` red and yellow, ``r`` red, ``s`` stop then go (turn on red), ``o``/``O`` off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GREEN = frozenset("Gg")
CHANGING = frozenset("yYu")


def green_links(state: str) -> frozenset[int]:
    """Places of the green links of a state."""
    return frozenset(place for place, light in enumerate(state) if light in GREEN)


def is_changing(state: str) -> bool:
    """Whether some link of ``state`` is about to change."""
    return any(light in CHANGING for light in state)


def always_green(states: Sequence[str]) -> frozenset[int]:
    """Places of the links that are green in all of ``states``, which tell nothing about any of them."""
    return frozenset.intersection(*map(green_links, states)) if states else frozenset()


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
