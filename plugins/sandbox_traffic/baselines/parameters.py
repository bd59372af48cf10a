"""Parameters of the classical controllers, tuned network by network and shipped as data."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from sandbox_traffic.config import GENERATED, SignalConfig

PARAMETERS_FILE = Path(__file__).parents[1] / "data" / "controllers.json"

DEFAULTS: dict[str, dict[str, float]] = {
    "actuated": {"passage": 3.0},
    "delay-based": {"loss": 1.0},
    "coordinated": {"cycle": 1.0, "pace": 0.9},
    "scats-like": {"target": 0.9},
    "scoot-like": {"step": 4.0},
    "alinea": {"target": 15.0, "gain": 70.0},
    "sotl": {"threshold": 600.0, "platoon": 3.0},
}
"""For networks without tuned ones; passage and loss in s, threshold in vehicle seconds, platoon in
vehicles.

Rules that are not here, the greedy ones, have their own default.
"""


def tuning_key(config: SignalConfig) -> str:
    """What tuned parameters belong to: the network, its demand and the time of day."""
    if config.net.startswith(GENERATED):
        return f"{config.net} {config.level}"
    return f"{config.net} {config.routes} {config.begin}"


def tuned_parameters(config: SignalConfig, controller: str) -> dict[str, float]:
    """The tuned parameters of a controller where its network was tuned, else the defaults."""
    return DEFAULTS.get(controller, {}) | _tuned().get(tuning_key(config), {}).get(controller, {})


@cache
def _tuned() -> dict[str, dict[str, dict[str, float]]]:
    if not PARAMETERS_FILE.exists():
        return {}
    controllers: dict[str, dict[str, dict[str, float]]] = json.loads(PARAMETERS_FILE.read_text())[
        "controllers"
    ]
    return controllers
