"""Parameters of the signal tasks, with units and bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import InputFile

GENERATED = "generated:"
"""Scheme of generated networks and their demand."""


class SignalConfig(BaseModel):
    """A network, its demand, and the rules that apply to every controller of its signals.

    ``net`` and ``routes`` are paths, ``sumo-rl:PATH`` for a file below the folder ``nets`` of the installed
    sumo-rl package, or both one of ``generated:single-intersection``, ``generated:arterial-N`` and
    ``generated:grid-RxC``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    net: Annotated[str, InputFile()] = Field(
        "generated:single-intersection", min_length=1, description="SUMO network (.net.xml)"
    )
    routes: Annotated[str, InputFile()] = Field(
        "generated:single-intersection", min_length=1, description="SUMO routes, trips or flows (.rou.xml)"
    )
    begin: int = Field(0, ge=0, le=604_800, description="start of the episode in the routes' time, s")
    duration: int = Field(3600, ge=10, le=604_800, description="length of the episode, s")
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
    max_green: int | None = Field(None, ge=5, le=600, description="maximum green, s; no limit if absent")
    yellow: int = Field(3, ge=1, le=10, description="yellow of links that lose green, s")
    all_red: int = Field(0, ge=0, le=10, description="clearance after yellow, s")
    demand: float = Field(1.0, gt=0, le=5, description="factor on the number of vehicles, 1")
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
    observation: Literal["approaches", "sumo-rl", "drq", "pressure", "wave", "neighbours"] = Field(
        "approaches", description="observation of each signal; see the domain's documentation"
    )
    detection_range: float = Field(
        150.0, ge=0, le=1000, description="distance upstream of the stop line to which lanes are followed, m"
    )

    @model_validator(mode="after")
    def _consistent(self) -> SignalConfig:
        if self.max_green is not None and self.max_green < self.min_green + self.decision_interval:
            raise ValueError(
                f"max_green ({self.max_green} s) must be at least min_green + decision_interval "
                f"({self.min_green + self.decision_interval} s)"
            )
        if self.decision_interval > self.duration:
            raise ValueError("decision_interval must not exceed duration")
        generated = self.routes.startswith(GENERATED)
        shares = {"buses": self.buses, "emergency": self.emergency, "bicycles": self.bicycles}
        if sum(shares.values()) > 1:
            raise ValueError(f"{' + '.join(shares)} must not exceed 1")
        chosen = [name for name, value in {**shares, "pedestrians": self.pedestrians}.items() if value]
        if chosen and not generated:
            raise ValueError(f"{chosen[0]} belongs to generated demand; a routes file defines its own")
        if generated and self.routes != self.net:
            raise ValueError(
                f"routes {self.routes!r} only fit the network of the same name; "
                "give routes (a .rou.xml file) together with net"
            )
        return self
