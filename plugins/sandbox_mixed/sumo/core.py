"""Traffic on SUMO as an environment: one episode, played by a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api import ObservationField, batched
from sandbox.api.types import Array, Bools
from sandbox_mixed.config import SumoConfig
from sandbox_mixed.controllers import AdaptiveCruise, ProportionalIntegral
from sandbox_mixed.kernels import Floats
from sandbox_mixed.lanes import CLIP, MEMORY, SCALES, Local, local_fields, observed
from sandbox_mixed.ring.core import ADAPTIVE_CRUISE, FOLLOWER_STOPPER, PI_SATURATION
from sandbox_mixed.road_picture import draw_roads
from sandbox_mixed.sumo import scenes
from sandbox_mixed.sumo.networks import Sources, network_file, sumo_binary
from sandbox_mixed.sumo.process import RoadProcess
from sandbox_mixed.sumo.reward import Interval
from sandbox_mixed.sumo.road import OBSERVED_SEGMENTS

LIMITS = (2.0, 23.0)
"""Speed limits that the actions -1 and 1 stand for in the bottleneck, m/s."""

SEGMENTS = 11

FIGURE_EIGHT_VEHICLES = 14


class SumoTraffic:
    """What controllers read; see `sandbox_mixed.lanes.Traffic`.

    Attributes:
        interval: Time between decisions, s.
        seen: Speed, speed ahead, gap, speed behind, gap behind of each controlled vehicle, shape ``(k, 5)``.
    """

    def __init__(self, interval: float, agents: int) -> None:
        self.interval, self.agents = interval, agents
        self.seen = np.zeros((agents, 5))
        self.recent: list[Floats] = []

    def update(self, local: list[list[float]]) -> None:
        """Take over what vehicles see; slots without a vehicle see an empty road from standstill."""
        self.seen = np.tile(np.array([0.0, 0.0, 200.0, 0.0, 200.0]), (self.agents, 1))
        if local:
            self.seen[: len(local)] = local
        self.recent = [*self.recent[1 - round(MEMORY / self.interval) :], self.seen[:, 0]]

    def local(self) -> Local:
        """What controlled vehicles measure, shape ``(1, k)``."""
        speed, ahead, gap = self.seen[None, :, :3].transpose(2, 0, 1)
        return Local(speed, ahead, gap, np.mean(self.recent, axis=0)[None])


class SumoRoad:
    """Traffic on SUMO; `sandbox.api.BatchedCore` of one row.

    - Observation: on the ring that of the native ring, so that policies can be exchanged; on the figure
      eight the speeds (in 10 m/s) and places (shares of the loop) of all 14 vehicles, shape ``(28,)``, the
      last the automated one; at the merge for each of five slots speed (10 m/s), difference to the vehicle
      ahead (5 m/s), gap (20 m), difference to the vehicle behind and its gap, shape ``(25,)``; in the
      bottleneck for 11 segments the vehicles (in tens), automated vehicles (in tens) and mean speed (10
      m/s), shape ``(33,)``.
    - Action: accelerations from -1 to 1 times ``max_acceleration``; in the bottleneck speed limits of
      automated vehicles in six segments, -1 for 2 m/s and 1 for 23 m/s.
    - Termination: vehicles touch. Truncation: after ``horizon`` seconds.
    """

    render_fps = 10
    adaptive_cruise: AdaptiveCruise = ADAPTIVE_CRUISE
    pi_saturation: ProportionalIntegral = PI_SATURATION

    def __init__(self, config: SumoConfig, num_envs: int) -> None:
        if num_envs != 1:
            raise ValueError("a simulation of SUMO is one environment")
        self.config = config
        self.scene = self._scene(config.length[0], 0)[1]
        self.traffic = SumoTraffic(self.scene.dt * config.decision_steps, self.scene.agents)
        self.decisions = round(config.horizon / self.traffic.interval)
        self.measured_from = self.decisions - max(1, round(config.measured / self.traffic.interval))
        low, size = (-CLIP, self._size())
        self.observation_space = spaces.Box(low, CLIP, (size,), np.float32)
        actions = 6 if self.scene.command == "limit" else self.scene.agents
        self.action_space = spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self.human, self.road = False, None
        sumo_binary("sumo")  # says what to install where it is missing
        self.spare = RoadProcess()
        self.spare.wait()
        self.answer: dict[str, Any] = {}
        self.folder = tempfile.TemporaryDirectory(prefix="sandbox-rl-mixed-")
        self.time, self.sums, self.length = 0, np.zeros(5), 0.0
        self.collided = False
        self.last_vehicle_count = 0

    road: RoadProcess | None
    spare: RoadProcess | None

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Start SUMO in a fresh process."""
        config = self.config
        self.length = float(rng.uniform(*config.length))
        first = int(rng.integers(max(self.scene.vehicles, 1)))
        sources, self.scene = self._scene(self.length, first)
        routes = Path(self.folder.name) / "routes.rou.xml"
        routes.write_text("\n".join(["<routes>", *self.scene.routes, "</routes>"]))
        net = self._net(sources)
        if self.road is not None:
            self.road.close()
        self.road, self.spare = self.spare, None
        if self.road is None:
            self.road = RoadProcess()
        self.answer = self.road.begin({
            "scene": self.scene.plain(), "net": str(net), "routes": str(routes),
            "seed": int(rng.integers(2**31)), "steps": config.decision_steps,
            "driver": list(config.driver.idm()), "limits": list(config.limits()),
            "filtered": config.gap_filter,
        })  # fmt: skip
        self.traffic.recent = []
        self.traffic.update(self.answer["local"])
        self.time, self.sums, self.collided = 0, np.zeros(5), False

    def step(self, actions: Array) -> Interval:
        """Drive until the next decision."""
        assert self.road is not None
        share = np.clip(np.asarray(actions[0], np.float64), -1.0, 1.0)
        low, high = LIMITS
        limit = self.scene.command == "limit"
        commands = low + (share + 1) / 2 * (high - low) if limit else share * self.config.max_acceleration
        self.answer = answer = self.road.ask({"commands": commands.tolist(), "human": self.human})
        effort = 0.0 if self.human else float(np.abs(share).mean())
        self.human = False
        self.traffic.update(answer["local"])
        self.collided = answer["collisions"] > 0
        if self.time >= self.measured_from:
            self.sums += (answer["speed"], answer["spread"], answer["arrived"], answer["intervened"], 1.0)
        self.time += 1
        return Interval(
            speed=np.array([answer["speed"]]),
            spread=np.array([answer["spread"]]),
            effort=np.array([effort]),
            outflow=np.array([answer["arrived"] / self.traffic.interval]),
            backlog=np.array([float(answer["backlog"])]),
            collision=np.array([float(self.collided)]),
        )

    def observe(self) -> Array:
        """What policies see."""
        answer, name = self.answer, self.config.network
        if name == "ring":
            seen: Array = observed(self.traffic.local(), self.config.sees).ravel()
        elif name == "figure-eight":
            count = FIGURE_EIGHT_VEHICLES
            seen = np.concatenate([np.array(answer["everyone"][:count]) / 10.0, answer["everyone"][count:]])
        elif name == "merge":
            speed, ahead, gap, behind, space = self.traffic.seen.T
            seen = np.stack(
                [speed / 10, (ahead - speed) / 5, gap / 20, (speed - behind) / 5, space / 20], 1
            ).ravel()
        else:
            seen = np.array(answer["segments"]) / 10.0
        clipped: Array = np.clip(seen, -CLIP, CLIP).astype(np.float32)[None]
        return clipped

    def ends(self) -> tuple[Bools, Bools]:
        """A collision terminates, the horizon truncates."""
        over = self.time >= self.decisions
        return np.array([self.collided]), np.array([over and not self.collided])

    def metrics(self, row: int) -> Mapping[str, float]:
        """Of the measured part; an episode that ended early counts as standing from then on."""
        decisions = self.decisions - self.measured_from
        speed, spread, arrived, intervened, count = self.sums
        return {
            "speed": float(speed / decisions),
            "spread": float(spread / max(count, 1)),
            "outflow": float(arrived / (decisions * self.traffic.interval) * 3600),
            "backlog": float(self.answer["backlog"]),
            "collisions": float(self.collided),
            "intervened": float(intervened / max(count, 1)),
            "length": self.length if self.config.network == "ring" else 0.0,
        }

    def follower_stopper_speed(self) -> Floats:
        """FollowerStopper's desired speed now, m/s: as on the native ring, and elsewhere `STEADY`."""
        if self.config.network != "ring":
            return np.array([STEADY[self.config.network]])
        from sandbox_mixed.car_following import ring_equilibrium

        first, rate, last = FOLLOWER_STOPPER
        share = min(first + rate * self.time * self.traffic.interval, last)
        return np.array(
            [share * ring_equilibrium(self.length, self.config.vehicles, self.config.driver.idm())]
        )

    def render(self, row: int) -> Array:
        """The network from above."""
        assert self.road is not None
        picture = self.road.ask({"picture": True})
        return draw_roads(picture["lanes"], picture["vehicles"])

    def close(self) -> None:
        """End SUMO's processes."""
        for process in (self.road, self.spare):
            if process is not None:
                process.close()
        self.folder.cleanup()

    def _scene(self, length: float, first: int) -> tuple[Sources, scenes.Scene]:
        config = self.config
        if config.network == "ring":
            return scenes.ring(length, config.vehicles, config.bunching, first, config.warmup, config.driver)
        if config.network == "figure-eight":
            return scenes.figure_eight()
        if config.network == "merge":
            return scenes.merge(config.share, config.flow, config.ramp_flow)
        return scenes.bottleneck(config.share, config.flow)

    def _net(self, sources: Sources) -> Path:
        """The network's file: a ring of a drawn length is not kept."""
        if self.config.network != "ring":
            return network_file(self.config.network, sources)
        return network_file("ring", sources, Path(self.folder.name))

    def _size(self) -> int:
        sizes = {
            "ring": len(SCALES[self.config.sees]),
            "figure-eight": 2 * FIGURE_EIGHT_VEHICLES,
            "merge": 25,
            "bottleneck": 3 * SEGMENTS,
        }
        return sizes[self.config.network]


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are; see `SumoRoad`."""
    core: SumoRoad = env.core
    match core.config.network:
        case "ring":
            return local_fields(1, core.config.sees)
        case "figure-eight":
            last = FIGURE_EIGHT_VEHICLES - 1
            vehicles = (*(f"vehicle {number}" for number in range(1, last + 1)), "automated vehicle")
            place = "along the loop from its first edge on, as a share of its length"
            return [
                ObservationField("speed", "10 m/s", "of every vehicle", vehicles),
                ObservationField("place", "loop", place, vehicles),
            ]
        case "merge":
            return [
                ObservationField(f"{name}, slot {slot + 1}", unit, meaning)
                for slot in range(core.scene.agents)
                for name, unit, meaning in MERGE_FIELDS
            ]
        case _:
            return [
                ObservationField(f"{name}, segment {part + 1} of edge {edge}", unit, meaning)
                for edge, parts in OBSERVED_SEGMENTS.items()
                for part in range(parts)
                for name, unit, meaning in SEGMENT_FIELDS
            ]


MERGE_FIELDS = (
    ("speed", "10 m/s", "of the automated vehicle; an empty slot stands"),
    ("speed difference ahead", "5 m/s", "speed of the vehicle ahead less one's own, −50 to 50 m/s"),
    ("gap ahead", "20 m", "bumper to bumper, at most 200 m"),
    ("speed difference behind", "5 m/s", "one's own speed less that of the vehicle behind, −50 to 50 m/s"),
    ("gap behind", "20 m", "bumper to bumper, at most 200 m"),
)
SEGMENT_FIELDS = (
    ("vehicles", "10 vehicles", "on the segment now"),
    ("automated vehicles", "10 vehicles", "on the segment now"),
    ("mean speed", "10 m/s", "of the vehicles on the segment; 0 if it is empty"),
)
"""Name, unit and meaning of the numbers of a slot at the merge and of a segment of the bottleneck."""

STEADY = {"figure-eight": 5.0, "merge": 12.0, "bottleneck": 15.0}
"""FollowerStopper's desired speeds outside the ring, m/s."""

make = batched(SumoRoad, restore="replay").make
