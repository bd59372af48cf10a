"""A simulation of SUMO in this process: moves vehicles, measures, and answers as plain values.

Only one can exist in a process, so environments use `sandbox_mixed.sumo.process`.
"""

from __future__ import annotations

import contextlib
import io
import math
import random
from typing import Any

from sandbox_mixed.car_following import Idm, idm_acceleration
from sandbox_mixed.safety import GapFilter, safe_speed
from sandbox_mixed.sumo.networks import BOTTLENECK_EDGES

Answer = dict[str, Any]

SEEN = 200.0
"""How far vehicles look ahead, m; the gap of one without a leader."""

CONTROLLED_EDGES = ("2", "3", "4")
"""Edges of the bottleneck on which speed limits hold, two segments each."""

OBSERVED_SEGMENTS = {"1": 1, "2": 3, "3": 3, "4": 3, "5": 1}


def import_libsumo() -> Any:
    """The module libsumo; what it prints at import is discarded."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import libsumo
    return libsumo


class Road:
    """One episode.

    Args:
        request: The scene and its files, the seed, the driver, the limits of the gap filter.
    """

    def __init__(self, request: Answer) -> None:
        self.scene: Answer = request["scene"]
        self.driver, self.limits = Idm(*request["driver"]), GapFilter(*request["limits"])
        self.filtered: bool = request["filtered"]
        self.steps: int = request["steps"]
        self.dt: float = self.scene["dt"]
        self.random = random.Random(request["seed"])
        self.slots: list[str] = []
        self.arrived = self.collisions = 0
        self.first_edges: dict[str, int] = {}
        self.sumo = import_libsumo()
        self.sumo.start([
            "sumo", "-n", request["net"], "-r", request["routes"], "--step-length", str(self.dt), "--seed",
            str(request["seed"] % 2**31), "--no-step-log", "true", "--no-warnings", "true",
            "--time-to-teleport", "-1", "--collision.action", "warn", "--collision.check-junctions", "true",
            "--xml-validation", "never", "--random-depart-offset", "0",
        ])  # fmt: skip
        self.edge_lengths = [self.sumo.lane.getLength(f"{edge}_0") for edge in self.scene["loop"]]
        self.types: dict[str, str] = {}
        self.sumo.simulationStep()
        self._meet_departed()
        for _ in range(round(self.scene["warmup"] / self.dt)):
            self._step([], True)

    def answer(self, commands: list[float], human: bool) -> Answer:
        """Drive some steps under the same commands; what happened, and what is seen now."""
        speeds: list[float] = []
        spreads: list[float] = []
        intervened = 0.0
        self.arrived = self.collisions = 0
        for _ in range(self.steps if commands else 0):
            intervened += self._step(commands, human)
            now = [self.sumo.vehicle.getSpeed(vehicle) for vehicle in self.types]
            mean = sum(now) / max(len(now), 1)
            speeds.append(mean)
            spreads.append(math.sqrt(sum((v - mean) ** 2 for v in now) / max(len(now), 1)))
        count = max(len(speeds), 1)
        self._fill_slots()
        return {
            "speed": sum(speeds) / count,
            "spread": sum(spreads) / count,
            "intervened": intervened / count,
            "arrived": self.arrived,
            "collisions": self.collisions,
            "backlog": len(self.sumo.simulation.getPendingVehicles()),
            "local": [self._local(vehicle) for vehicle in self.slots],
            "segments": self._segments() if self.scene["command"] == "limit" else [],
            "everyone": self._everyone() if self.scene["humans"] == "flow" else [],
        }

    def picture(self) -> Answer:
        """Places, headings, speeds and types of all vehicles."""
        vehicle = self.sumo.vehicle
        return {
            "vehicles": [
                [*vehicle.getPosition(x), vehicle.getAngle(x), vehicle.getSpeed(x), kind == "automated"]
                for x, kind in self.types.items()
            ],
            "lanes": [self.sumo.lane.getShape(lane) for lane in self.sumo.lane.getIDList()],
        }

    def _step(self, commands: list[float], human: bool) -> float:
        """One step; the share of controlled vehicles that the gap filter slowed down."""
        self._fill_slots()
        controlled = set() if human or self.scene["command"] == "limit" else set(self.slots)
        if self.scene["humans"] != "sumo":
            for vehicle in self.types:
                if vehicle not in controlled:
                    self._drive_human(vehicle)
        changed = 0.0
        if self.scene["command"] == "limit":
            self._limit(commands, human)
        elif not human:
            for vehicle, command in zip(self.slots, commands, strict=False):
                changed += self._drive(vehicle, command) / max(len(self.slots), 1)
        elif self.scene["humans"] == "sumo":
            for vehicle in self.slots:
                self.sumo.vehicle.setSpeed(vehicle, -1)
        self.sumo.simulationStep()
        self._meet_departed()
        self.collisions += self.sumo.simulation.getCollidingVehiclesNumber()
        return changed

    def _meet_departed(self) -> None:
        simulation, vehicles = self.sumo.simulation, self.sumo.vehicle
        for vehicle in simulation.getArrivedIDList():
            self.types.pop(vehicle, None)
            self.arrived += 1
        for vehicle in simulation.getDepartedIDList():
            self.types[vehicle] = vehicles.getTypeID(vehicle)
            vehicles.setSpeedMode(vehicle, self.scene["speed_mode"])
            if self.scene["lane_change_mode"] >= 0:
                vehicles.setLaneChangeMode(vehicle, self.scene["lane_change_mode"])

    def _fill_slots(self) -> None:
        """Controlled vehicles keep their slot until they leave; the next in order of departure follows."""
        self.slots = [vehicle for vehicle in self.slots if vehicle in self.types]
        for vehicle, kind in self.types.items():
            if len(self.slots) >= self.scene["agents"]:
                break
            if kind == "automated" and vehicle not in self.slots:
                self.slots.append(vehicle)

    def _leader(self, vehicle: str) -> tuple[float, float]:
        """Speed of the vehicle ahead and the gap to it; the own speed and `SEEN` where there is none."""
        ahead = self.sumo.vehicle.getLeader(vehicle, SEEN)
        if not ahead or not ahead[0]:
            return self.sumo.vehicle.getSpeed(vehicle), SEEN
        return self.sumo.vehicle.getSpeed(ahead[0]), ahead[1] + self.sumo.vehicle.getMinGap(vehicle)

    def _drive_human(self, vehicle: str) -> None:
        """Set the next speed of a human driver, noise included."""
        api, dt = self.sumo.vehicle, self.dt
        speed = api.getSpeed(vehicle)
        ahead, gap = self._leader(vehicle)
        noise = self.driver.noise * math.sqrt(dt) * self.random.gauss(0.0, 1.0)
        if self.scene["humans"] == "noisy":
            leader = api.getLeader(vehicle, SEEN)
            following = api.getFollowSpeed(
                vehicle,
                speed,
                gap - api.getMinGap(vehicle),
                ahead,
                self.driver.deceleration,
                leader[0] if leader else "",
            )
            change = (following - speed) / dt + noise
            api.setSpeed(vehicle, max(0.0, speed + max(change, -self.driver.emergency) * dt))
            return
        change = idm_acceleration(speed, ahead, gap, self.driver) + noise
        api.setSpeed(vehicle, max(0.0, speed + change * dt))

    def _drive(self, vehicle: str, command: float) -> bool:
        """Set the next speed of a controlled vehicle; whether the gap filter lowered it."""
        speed = self.sumo.vehicle.getSpeed(vehicle)
        acceleration = command
        if self.scene["command"] == "speed":
            most: float = self.scene["max_acceleration"]
            acceleration = min(max((command - speed) / self.dt, -most), most)
        wanted = max(0.0, speed + acceleration * self.dt)
        lowered = False
        if self.filtered:
            ahead, gap = self._leader(vehicle)
            permitted = safe_speed(speed, ahead, gap, self.dt, self.limits)
            lowered = permitted < wanted and gap < SEEN
            wanted = permitted if lowered else wanted
        self.sumo.vehicle.setSpeed(vehicle, wanted)
        return lowered

    def _limit(self, commands: list[float], human: bool) -> None:
        """Speed limits for automated vehicles in the segments of the bottleneck."""
        api, lengths = self.sumo.vehicle, {name: length for name, length, _ in BOTTLENECK_EDGES}
        for vehicle, kind in self.types.items():
            if kind != "automated":
                continue
            edge = api.getRoadID(vehicle)
            limit = 23.0
            if commands and not human and edge in CONTROLLED_EDGES:
                half = int(api.getLanePosition(vehicle) > lengths[edge] / 2)
                limit = commands[2 * CONTROLLED_EDGES.index(edge) + half]
            api.setMaxSpeed(vehicle, limit)

    def _local(self, vehicle: str) -> list[float]:
        """Speed, speed ahead, gap, speed behind, gap behind."""
        ahead, gap = self._leader(vehicle)
        speed = self.sumo.vehicle.getSpeed(vehicle)
        behind = self.sumo.vehicle.getFollower(vehicle, SEEN)
        if not behind or not behind[0]:
            return [speed, ahead, gap, speed, SEEN]
        return [speed, ahead, gap, self.sumo.vehicle.getSpeed(behind[0]), max(behind[1], 0.0)]

    def _everyone(self) -> list[float]:
        """Speeds of all vehicles in order of their names, and their places along the loop as shares of it."""
        names = sorted(self.types, key=int)
        return [self.sumo.vehicle.getSpeed(x) for x in names] + [self._place(x) for x in names]

    def _place(self, vehicle: str) -> float:
        api, loop = self.sumo.vehicle, self.scene["loop"]
        if vehicle not in self.first_edges:
            self.first_edges[vehicle] = loop.index(api.getRoute(vehicle)[0])
        index = (self.first_edges[vehicle] + api.getRouteIndex(vehicle)) % len(loop)
        along = api.getLanePosition(vehicle)
        if api.getRoadID(vehicle).startswith(":"):
            along += self.edge_lengths[index]
        place: float = (sum(self.edge_lengths[:index]) + along) / sum(self.edge_lengths) % 1.0
        return place

    def _segments(self) -> list[float]:
        """Vehicles, automated vehicles and mean speed of each observed segment of the bottleneck."""
        api = self.sumo.vehicle
        entries: dict[tuple[str, int], list[float]] = {}
        for edge, length, _ in BOTTLENECK_EDGES:
            for part in range(OBSERVED_SEGMENTS[edge]):
                entries[edge, part] = [0.0, 0.0, 0.0]
            for vehicle in self.sumo.edge.getLastStepVehicleIDs(edge):
                part = min(
                    int(api.getLanePosition(vehicle) / length * OBSERVED_SEGMENTS[edge]),
                    OBSERVED_SEGMENTS[edge] - 1,
                )
                entry = entries[edge, part]
                entry[0] += 1
                entry[1] += self.types.get(vehicle) == "automated"
                entry[2] += api.getSpeed(vehicle)
        return [x for n, k, v in entries.values() for x in (n, k, v / max(n, 1.0))]
