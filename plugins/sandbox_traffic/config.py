"""Parameters of the signal tasks, with units and bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox.api import InputFile
from sandbox_traffic.sumo.options import OPTION_VALUE, SUMO_OPTIONS

GENERATED = "generated:"
"""Scheme of generated networks and their demand."""

SUMO_RL = "sumo-rl:"
"""Scheme of the networks that the installed sumo-rl package contains, RESCO's maps among them."""

CONFIGURATIONS = (".sumocfg", ".sumo.cfg")
"""Endings of a configuration of SUMO; the second one is that of its older tools."""


def _is_sumo(simulator: str) -> bool:
    """Whether the field is left out of what is written: scenarios on SUMO keep their hashes."""
    return simulator == "sumo"


class SignalConfig(BaseModel):
    """A network, its demand, and the rules that apply to every controller of its signals.

    ``net`` and ``routes`` are paths, ``sumo-rl:PATH`` for a file below the folder ``nets`` of the installed
    sumo-rl package, or both one of ``generated:single-intersection``, ``generated:arterial-N`` and
    ``generated:grid-RxC``. ``routes`` and ``additional`` may be several paths, as a list or separated by
    commas.

    ``net`` may also be a configuration of SUMO (``.sumocfg``), which then gives network, routes, additional
    files, begin, end, step length and seed; see `sandbox_traffic.sumo.configuration`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    net: Annotated[str, InputFile()] = Field(
        "generated:single-intersection",
        min_length=1,
        description="SUMO network (.net.xml) or configuration (.sumocfg)",
    )
    routes: Annotated[str, InputFile(many=True)] = Field(
        "generated:single-intersection",
        min_length=1,
        description="SUMO routes, trips or flows (.rou.xml), one or several files",
    )
    additional: Annotated[str | None, InputFile(many=True)] = Field(
        None,
        description="SUMO additional files: vehicle types, stops, zones, detectors, programs of signals",
    )
    files_digest: str = Field(
        "",
        max_length=64,
        pattern="^[0-9a-f]*$",
        description="SHA-256 of the files that a .sumocfg names; computed, not set",
    )
    program: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="programID of the signals' own program where there are several; SUMO's choice if absent",
    )
    begin: int = Field(0, ge=0, le=604_800, description="start of the episode in the routes' time, s")
    duration: int = Field(3600, ge=10, le=604_800, description="length of the episode, s")
    step_length: float = Field(1.0, ge=0.1, le=1.0, description="time step of the simulation, s")
    sumo_seed: int | None = Field(
        None,
        ge=-1,
        lt=2**31,
        description="SUMO's seed in every episode; drawn if absent (−1: also where a .sumocfg has one)",
    )
    window: int = Field(
        0,
        ge=0,
        le=604_800,
        description="each episode begins at begin + U[0, this], in whole decision intervals, s",
    )
    jam: int = Field(
        0,
        ge=0,
        le=3600,
        description="half of the episodes begin after signals have held one phase for U[0, this], s",
    )
    decision_interval: int = Field(5, ge=1, le=60, description="time between decisions, s")
    min_green: int = Field(5, ge=1, le=120, description="minimum green, s")
    max_green: int | None = Field(60, ge=5, le=600, description="maximum green, s; no limit if null")
    yellow: int | None = Field(
        None, ge=1, le=10, description="yellow of links that lose green, s; the network's own if absent"
    )
    all_red: int | None = Field(
        None, ge=0, le=10, description="clearance after yellow, s; the network's own if absent"
    )
    demand: float = Field(1.0, gt=0, le=5, description="factor on the number of vehicles, 1")
    demand_side: float = Field(
        1.0, ge=0, le=5, description="further factor on generated demand from north and south, 1"
    )
    level: Literal["low", "medium", "saturated", "peak"] = Field(
        "medium", description="demand of a generated grid or arterial"
    )
    buses: float = Field(0.0, ge=0, le=1, description="share of buses in generated demand, 1")
    emergency: float = Field(
        0.0, ge=0, le=1, description="share of emergency vehicles in generated demand, 1"
    )
    bicycles: float = Field(0.0, ge=0, le=1, description="share of bicycles in generated demand, 1")
    pedestrians: float = Field(
        0.0,
        ge=0,
        le=5000,
        description="people who cross each generated junction, 1/h; adds crossings",
    )
    demand_spread: float = Field(
        0.0, ge=0, lt=1, description="each episode's demand is multiplied by U[1 - this, 1 + this], 1"
    )
    depart_jitter: int = Field(
        30, ge=0, le=600, description="departures from a routes file are delayed by U[0, this], s"
    )
    junction_blockers: int | None = Field(
        None,
        ge=1,
        le=3600,
        description="time after which vehicles inside a junction no longer block others, s; never if absent",
    )
    lateral_resolution: float | None = Field(
        None, ge=0.1, le=5.0, description="width of SUMO's sublanes, m; whole lanes if absent"
    )
    options: str = Field(
        "",
        max_length=2000,
        description="further options of SUMO, NAME=VALUE separated by blanks; see the domain's documentation",
    )
    simulator: Literal["sumo", "twin"] = Field(
        "sumo",
        exclude_if=_is_sumo,
        description="SUMO, or the compiled car-following model of the same network and demand",
    )
    emissions: bool = Field(
        False, description="whether CO2 and fuel are computed, which slows SUMO down by a fifth"
    )
    observation: Literal["approaches", "sumo-rl", "drq", "pressure", "wave", "neighbours"] = Field(
        "approaches", description="observation of each signal; see the domain's documentation"
    )
    detection_range: float = Field(
        150.0, ge=0, le=1000, description="distance upstream of the stop line to which lanes are followed, m"
    )

    @field_validator("options")
    @classmethod
    def _known_options(cls, value: str) -> str:
        for part in value.split():
            name, _, setting = part.partition("=")
            if name not in SUMO_OPTIONS or not OPTION_VALUE.fullmatch(setting):
                known = ", ".join(sorted(SUMO_OPTIONS))
                raise ValueError(f"'{part[:80]}' is none of NAME=VALUE with one of {known}")
        return " ".join(value.split())

    @field_validator("routes", "additional", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        """Several files as one text, separated by commas as in SUMO's options."""
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _consistent(self) -> SignalConfig:
        if self.max_green is not None and self.max_green < self.min_green + self.decision_interval:
            raise ValueError(
                f"max_green ({self.max_green} s) must be at least min_green + decision_interval "
                f"({self.min_green + self.decision_interval} s)"
            )
        if self.decision_interval > self.duration:
            raise ValueError("decision_interval must not exceed duration")
        if round(self.decision_interval / self.step_length, 6) % 1:
            raise ValueError(
                f"step_length ({self.step_length:g} s) must divide decision_interval "
                f"({self.decision_interval} s) without rest"
            )
        self._check_demand()
        return self

    def _check_demand(self) -> None:
        generated = self.routes.startswith(GENERATED)
        shares = {"buses": self.buses, "emergency": self.emergency, "bicycles": self.bicycles}
        if sum(shares.values()) > 1:
            raise ValueError(f"{' + '.join(shares)} must not exceed 1")
        changed = {**shares, "pedestrians": self.pedestrians, "demand_side": self.demand_side - 1.0}
        chosen = [name for name, value in changed.items() if value]
        if chosen and not generated:
            raise ValueError(f"{chosen[0]} belongs to generated demand; a routes file defines its own")
        if generated and self.routes != self.net and not self.configured:
            raise ValueError(
                f"routes {self.routes!r} only fit the network of the same name; "
                "give routes (a .rou.xml file) together with net"
            )

    @model_validator(mode="after")
    def _digest_files(self) -> SignalConfig:
        """Let the content of the files that a .sumocfg names take part in the scenario's hash."""
        if self.configured:
            from sandbox_traffic.sumo.configuration import digest

            object.__setattr__(self, "files_digest", digest(self.net))
        return self

    @property
    def configured(self) -> bool:
        """Whether ``net`` is a configuration of SUMO."""
        return self.net.lower().endswith(CONFIGURATIONS)


def has_own_network(config: SignalConfig) -> bool:
    """Whether the network is the user's own; the others have neither ramp meters nor dual rings."""
    return is_on_sumo(config) and not config.net.startswith((GENERATED, SUMO_RL))


def is_on_sumo(config: SignalConfig) -> bool:
    """Whether SUMO moves the vehicles, and can run its own controllers."""
    return config.simulator == "sumo"
