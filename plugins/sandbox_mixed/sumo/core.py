"""Traffic on SUMO as an environment: one episode, played by a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api import MisfitError, ObservationField, batched
from sandbox.api.types import Array, Bools
from sandbox_mixed.config import SumoConfig, drives_vehicles
from sandbox_mixed.controllers import AdaptiveCruise, ProportionalIntegral
from sandbox_mixed.kernels import Floats
from sandbox_mixed.lanes import CLIP, MEMORY, SCALES, TRAILS, Local, local_fields, observed
from sandbox_mixed.ring.core import ADAPTIVE_CRUISE, FOLLOWER_STOPPER, PI_SATURATION
from sandbox_mixed.road_picture import draw_roads
from sandbox_mixed.sumo import scenes
from sandbox_mixed.sumo.networks import Sources, network_file, sumo_binary
from sandbox_mixed.sumo.process import RoadProcess
from sandbox_mixed.sumo.reward import Interval
from sandbox_mixed.sumo.road import OBSERVED_SEGMENTS

TOP_LIMIT = 23.0
"""Speed limit that the action 1 stands for in the bottleneck, m/s."""

SEGMENTS = 11

FIGURE_EIGHT_VEHICLES = 14


class SumoTraffic:
    """What controllers read; see `sandbox_mixed.lanes.Traffic`.

    Attributes:
        interval: Time between decisions, s.
        seen: Speed, speed ahead, gap, speed behind, gap behind of each controlled vehicle, shape ``(k, 5)``.
    """

    def __init__(self, interval: float, agents: int, config: SumoConfig) -> None:
        self.interval, self.agents, self._config = interval, agents, config
        self.seen = np.zeros((agents, 5))
        self.recent: list[Floats] = []
        self.trails = np.zeros((agents, len(TRAILS)))

    def update(self, local: list[list[float]]) -> None:
        """Take over what vehicles see; slots without a vehicle see an empty road from standstill."""
        self.seen = np.tile(np.array([0.0, 0.0, 200.0, 0.0, 200.0]), (self.agents, 1))
        if local:
            self.seen[: len(local)] = local
        ahead, fading = self.seen[:, 1, None], np.exp(-self.interval / np.array(TRAILS))
        self.trails = ahead + fading * ((self.trails if self.recent else ahead) - ahead)
        self.recent = [*self.recent[1 - round(MEMORY / self.interval) :], self.seen[:, 0]]

    def actions(self, accelerations: Floats) -> Floats:
        """The actions that stand for some accelerations, m/s², shape ``(1, k)``.

        Raises:
            MisfitError: In the bottleneck, whose actions are speed limits.
        """
        must_drive_vehicles(self._config)
        if self._config.command == "acceleration":
            return accelerations / self._config.max_acceleration
        speeds: Floats = self.seen[None, :, 0] + accelerations * self.interval
        return 2.0 * np.sqrt(np.maximum(speeds, 0.0) / self._config.top_speed) - 1.0

    def local(self) -> Local:
        """What controlled vehicles measure, shape ``(1, k)``."""
        speed, ahead, gap = self.seen[None, :, :3].transpose(2, 0, 1)
        return Local(speed, ahead, gap, np.mean(self.recent, axis=0)[None], self.trails[None])


class SumoRoad:
    """Traffic on SUMO; `sandbox.api.BatchedCore` of one row.

    - Observation: on the ring that of the native ring, so that policies can be exchanged; on the figure
      eight the speeds (in 10 m/s) of all 14 vehicles, how far the 13 human drivers are behind the automated
      vehicle (shares of the loop; the last number is the nearest behind it), and its own place on the loop,
      shape ``(28,)``; at the merge for each of five slots speed (10 m/s), difference to the vehicle
      ahead (5 m/s), gap (20 m), difference to the vehicle behind and its gap, shape ``(25,)``; in the
      bottleneck for 11 segments the vehicles (in tens), automated vehicles (in tens) and mean speed (10
      m/s), shape ``(33,)``.
    - Action: accelerations from -1 to 1 times ``max_acceleration``, or with ``command: speed`` speeds up to
      ``top_speed``; in the bottleneck speed limits up to 23 m/s of automated vehicles in six segments; see
      `speeds_of`.
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
        self.traffic = SumoTraffic(self.scene.dt * config.decision_steps, self.scene.agents, config)
        self.decisions = round(config.horizon / self.traffic.interval)
        self.measured_from = self.decisions - max(1, round(config.measured / self.traffic.interval))
        low, size = (-CLIP, self._size())
        self.observation_space = spaces.Box(low, CLIP, (size,), np.float32)
        actions = 6 if self.scene.command == "limit" else self.scene.agents
        self.action_space = spaces.Box(-1.0, 1.0, (actions,), np.float32)
        self.human = False
        sumo_binary("sumo")  # says what to install where it is missing
        self.road = RoadProcess()
        self.road.wait()
        self.answer: dict[str, Any] = {}
        self.folder = tempfile.TemporaryDirectory(prefix="sandbox-rl-mixed-")
        self.time, self.sums, self.length = 0, np.zeros(5), 0.0
        self.collided = False
        self.last_vehicle_count = 0

    def begin(self, row: int, rng: np.random.Generator) -> None:
        """Start SUMO in a process of its own."""
        config = self.config
        self.length = float(rng.uniform(*config.length))
        first = int(rng.integers(max(self.scene.vehicles, 1)))
        sources, self.scene = self._scene(self.length, first)
        routes = Path(self.folder.name) / "routes.rou.xml"
        routes.write_text("\n".join(["<routes>", *self.scene.routes, "</routes>"]))
        net = self._net(sources)
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
        share = np.clip(np.asarray(actions[0], np.float64), -1.0, 1.0)
        before = self.traffic.seen[:, 0]
        self.answer = answer = self.road.ask({"commands": self._commands(share), "human": self.human})
        human, self.human = self.human, False
        self.traffic.update(answer["local"])
        if self.scene.command == "speed":
            most = self.config.max_acceleration * self.traffic.interval
            share = np.clip((self.traffic.seen[:, 0] - before) / most, -1.0, 1.0)
        effort = 0.0 if human else float(np.abs(share).mean())
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

    def _commands(self, share: Floats) -> list[float]:
        """What vehicles are told: accelerations, speeds or speed limits."""
        config = self.config
        if self.scene.command == "limit":
            commands = speeds_of(share, TOP_LIMIT)
        elif self.scene.command == "speed":
            commands = speeds_of(share, config.top_speed)
        else:
            commands = share * config.max_acceleration
        listed: list[float] = commands.tolist()
        return listed

    def observe(self) -> Array:
        """What policies see."""
        answer, name = self.answer, self.config.network
        if name == "ring":
            seen: Array = observed(self.traffic.local(), self.config.sees).ravel()
        elif name == "figure-eight":
            count = FIGURE_EIGHT_VEHICLES
            speeds, places = (np.array(part) for part in np.split(np.array(answer["everyone"]), [count]))
            behind = (places[-1] - places[:-1]) % 1.0
            seen = np.concatenate([speeds / 10.0, behind, places[-1:]])
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
        """FollowerStopper's desired speed now, m/s: as on the native ring, and elsewhere `STEADY`.

        On the figure eight it stands for `GATHERING` seconds first.

        Raises:
            MisfitError: In the bottleneck.
        """
        must_drive_vehicles(self.config)
        if self.config.network == "figure-eight" and self.time * self.traffic.interval < GATHERING:
            return np.zeros(1)
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
        picture = self.road.ask({"picture": True})
        return draw_roads(picture["lanes"], picture["vehicles"])

    def close(self) -> None:
        """End SUMO's processes."""
        self.road.close()
        self.folder.cleanup()

    def _scene(self, length: float, first: int) -> tuple[Sources, scenes.Scene]:
        config = self.config
        match config.network:
            case "ring":
                sources, scene = scenes.ring(
                    length, config.vehicles, config.bunching, first, config.warmup, config.driver
                )
            case "figure-eight":
                sources, scene = scenes.figure_eight()
            case "merge":
                sources, scene = scenes.merge(config.share, config.flow, config.ramp_flow)
            case "bottleneck":
                return scenes.bottleneck(config.share, config.flow)
        return sources, replace(scene, command=config.command, max_acceleration=config.max_acceleration)

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


def must_drive_vehicles(config: SumoConfig) -> None:
    """Refuse rules for vehicles where actions are none.

    Raises:
        MisfitError: In the bottleneck.
    """
    if not drives_vehicles(config):
        raise MisfitError("Rules for vehicles do not fit the bottleneck, whose actions are speed limits.")


def speeds_of(share: Floats, most: float) -> Floats:
    """Speeds that actions from -1 to 1 stand for: 0 to ``most``, growing with the square.

    What holds traffic back is slow: an automated vehicle gathers the others behind it, or lets fewer of them
    into a bottleneck, below a quarter of the speed of free traffic, where a new policy begins with this.
    """
    speeds: Floats = most * ((share + 1.0) / 2.0) ** 2
    return speeds


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are; see `SumoRoad`."""
    core: SumoRoad = env.core
    match core.config.network:
        case "ring":
            return local_fields(1, core.config.sees)
        case "figure-eight":
            last = FIGURE_EIGHT_VEHICLES - 1
            vehicles = (*(f"vehicle {number}" for number in range(1, last + 1)), "automated vehicle")
            behind = "how far behind the automated vehicle along the loop, as a share of its length"
            place = "of the automated vehicle along the loop from its first edge on, as a share of its length"
            return [
                ObservationField("speed", "10 m/s", "of every vehicle", vehicles),
                ObservationField("distance behind", "loop", behind, vehicles[:-1]),
                ObservationField("place", "loop", place),
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

STEADY = {"figure-eight": 7.0, "merge": 12.0}
"""FollowerStopper's desired speeds outside the ring, m/s."""

GATHERING = 30.0
"""Time for which FollowerStopper stands on the figure eight, s: the others queue up behind it, and then all
pass the crossing without meeting. Tuned with its speed on one episode among 20, 25, 30 and 40 s and 5 to 8
m/s; at 8 m/s the first one meets the last."""

make = batched(SumoRoad, restore="replay").make
