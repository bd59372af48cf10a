"""Options of SUMO that scenarios and configurations may set."""

from __future__ import annotations

import re

SUMO_OPTIONS = frozenset({
    "ignore-route-errors", "route-steps", "tls.actuated.jam-threshold", "device.rerouting.probability",
    "device.rerouting.period", "device.rerouting.pre-period", "device.rerouting.adaptation-steps",
    "device.rerouting.adaptation-interval", "device.rerouting.adaptation-weight",
    "device.rerouting.with-taz", "routing-algorithm", "weights.random-factor", "collision.action",
    "collision.check-junctions", "collision.mingap-factor", "collision.stoptime", "default.speeddev",
    "default.action-step-length", "default.emergencydecel", "time-to-impatience", "lanechange.duration",
    "lanechange.overtake-right", "eager-insert", "extrapolate-departpos", "max-num-vehicles",
    "step-method.ballistic", "pedestrian.model",
})  # fmt: skip
"""Options that a scenario may set: they change the traffic, and neither read nor write files."""

OPTION_VALUE = re.compile(r"[\w.+-]+")
"""What such an option may be set to."""
