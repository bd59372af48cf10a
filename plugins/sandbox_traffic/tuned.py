"""Parameters of the classical controllers, found network by network and shipped as data."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from sandbox_traffic.config import GENERATED, SignalConfig

FILE = Path(__file__).parent / "data" / "controllers.json"

DEFAULTS: dict[str, dict[str, float]] = {
    "actuated": {"passage": 3.0},
    "delay-based": {"loss": 1.0},
    "sotl": {"threshold": 600.0, "platoon": 3.0},
}
"""Of networks that nobody tuned for: passage time, s; loss of a vehicle, s; vehicle seconds, vehicles."""


def place(config: SignalConfig) -> str:
    """What parameters belong to: the network, its demand and the time of day."""
    if config.net.startswith(GENERATED):
        return f"{config.net} {config.level}"
    return f"{config.net} {config.routes} {config.begin}"


def parameters(config: SignalConfig, rule: str) -> dict[str, float]:
    """The tuned parameters of a controller where its network is known, else the defaults."""
    return DEFAULTS[rule] | _known().get(place(config), {}).get(rule, {})


@cache
def _known() -> dict[str, dict[str, dict[str, float]]]:
    if not FILE.exists():
        return {}
    found: dict[str, dict[str, dict[str, float]]] = json.loads(FILE.read_text())["controllers"]
    return found
