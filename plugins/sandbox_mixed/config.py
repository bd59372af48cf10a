"""Parameters of the tasks; every default of the driver model is that of Wu et al. 2017 and Flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import InputFile

if TYPE_CHECKING:
    from sandbox_mixed.car_following import Idm
    from sandbox_mixed.safety import GapFilter

PositiveSpeed = Annotated[float, Field(gt=0, le=100)]
Sees = Literal["local", "local-and-mean", "errors", "history"]


class DriverConfig(BaseModel):
    """Human drivers: the intelligent driver model with acceleration noise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    desired_speed: PositiveSpeed = Field(30.0, description="v0, speed on an empty road, m/s")
    headway: float = Field(1.0, ge=0.1, le=10, description="T, time gap, s")
    acceleration: float = Field(1.0, gt=0, le=10, description="a, m/s²")
    deceleration: float = Field(1.5, gt=0, le=10, description="b, comfortable braking, m/s²")
    standstill: float = Field(2.0, ge=0.1, le=20, description="s0, gap to a standing vehicle, m")
    exponent: float = Field(4.0, ge=1, le=10, description="δ, exponent of the free-road term, 1")
    noise: float = Field(
        0.2, ge=0, le=5, description="random acceleration: noise · √dt · N(0, 1) in every step, m/s²"
    )
    emergency: float = Field(9.0, ge=2, le=20, description="hardest braking, m/s²")
    length: float = Field(5.0, ge=1, le=30, description="of a vehicle, m")

    def idm(self) -> Idm:
        """The same as compiled code takes it."""
        from sandbox_mixed.car_following import Idm

        return Idm(**self.model_dump())


class ControlConfig(BaseModel):
    """What all tasks have in common: time steps, actions of automated vehicles, safety."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    driver: DriverConfig = Field(DriverConfig(), description="human drivers")
    dt: float = Field(0.1, ge=0.01, le=0.5, description="simulation step, s")
    decision_steps: int = Field(5, ge=1, le=100, description="simulation steps between two actions")
    max_acceleration: float = Field(1.0, gt=0, le=5, description="bound of the action |a|, m/s²")
    gap_filter: bool = Field(
        True, description="whether actions are limited to speeds from which the vehicle can stop in any case"
    )
    braking: float = Field(
        4.5, gt=0, le=10, description="b_f, hardest braking of automated vehicles, used by the filter, m/s²"
    )
    min_gap: float = Field(1.0, ge=0, le=20, description="gap that the filter always leaves, m")
    sees: Sees = Field(
        "local",
        description="observation: speed, speed difference and gap; also the mean own speed over 38 s; or the "
        "same four with the mean as a difference from the speed, and differences in 1 m/s",
    )

    @model_validator(mode="after")
    def _brakes_like_its_leader_at_most(self) -> ControlConfig:
        if self.braking > self.driver.emergency:
            raise ValueError("braking must not exceed driver.emergency: the gap filter needs b_f ≤ b_l")
        return self

    def limits(self) -> GapFilter:
        """The gap filter's assumptions."""
        from sandbox_mixed.safety import GapFilter

        return GapFilter(self.braking, self.driver.emergency, self.min_gap)


class RingConfig(ControlConfig):
    """A single-lane ring road."""

    vehicles: int = Field(22, ge=2, le=2000, description="vehicles on the ring")
    automated: int = Field(1, ge=1, le=200, description="of these automated, evenly spread")
    length: tuple[float, float] = Field(
        (220.0, 270.0), description="least and greatest length of the ring; an episode's is drawn, m"
    )
    without: tuple[float, float] | None = Field(
        None, description="lengths from … to … that are never drawn: held out, m"
    )
    bunching: float = Field(
        40.0,
        ge=0,
        le=1e5,
        description="part of the ring that is empty when the warm-up begins; vehicles are evenly spread over "
        "the rest, so that a wave forms at once, m",
    )
    warmup: float = Field(75.0, ge=0, le=3600, description="human driving before an episode begins, s")
    horizon: float = Field(300.0, ge=1, le=36000, description="time under control, s")
    measured: float = Field(100.0, ge=1, le=36000, description="last part of it that metrics are of, s")

    @model_validator(mode="after")
    def _consistent(self) -> RingConfig:
        low, high = self.length
        room = self.vehicles * (self.driver.length + self.driver.standstill)
        if not low <= high <= 1e5:
            raise ValueError("length must be two lengths in ascending order")
        if low <= room:
            raise ValueError(f"{self.vehicles} vehicles do not move on less than {room:g} m")
        if low - self.bunching <= self.vehicles * self.driver.length:
            raise ValueError(
                f"{self.vehicles} vehicles have no room on {low - self.bunching:g} m: lower bunching"
            )
        if self.automated > self.vehicles - 1:
            raise ValueError("at least one vehicle must be driven by a human")
        if self.measured > self.horizon:
            raise ValueError("measured cannot be longer than horizon")
        if self.without is not None:
            first, last = self.without
            if not low <= first < last <= high or last - first >= high - low:
                raise ValueError("without must lie inside length and leave some of it")
        return self


class PlatoonConfig(ControlConfig):
    """A single lane on which a leader follows a speed trace."""

    max_acceleration: float = Field(1.5, gt=0, le=5, description="bound of the action |a|, m/s²")
    sees: Sees = Field("local-and-mean", description="observation; see the ring's")
    trace: Annotated[str, InputFile()] = Field(
        "", description="CSV file with the columns time (s) and speed (m/s); nothing for generated traces"
    )
    part: tuple[float, float] = Field(
        (0.0, 1.0), description="from … to … of the file, as shares: episodes begin at random within it"
    )
    platoon: int = Field(10, ge=1, le=500, description="human drivers behind the automated vehicle")
    automated: int = Field(
        1, ge=1, le=50, description="automated vehicles: the first follows the leader, the others are spread"
    )
    horizon: float = Field(300.0, ge=10, le=36000, description="of an episode, s")
    wide_gap: float = Field(
        3.0, gt=0, le=100, description="time gap above which the gap of an automated vehicle is too wide, s"
    )
    standing_gap: float = Field(
        15.0, gt=0, le=1000, description="part of the widest permitted gap that does not grow with speed, m"
    )

    @model_validator(mode="after")
    def _ordered(self) -> PlatoonConfig:
        first, last = self.part
        if not 0.0 <= first < last <= 1.0:
            raise ValueError("part must be two shares in ascending order, within 0 to 1")
        if self.automated > self.platoon:
            raise ValueError("there must be a human driver for every automated vehicle")
        return self


class SumoConfig(ControlConfig):
    """Traffic on SUMO: the ring, or one of Flow's benchmark networks."""

    network: Literal["ring", "figure-eight", "merge", "bottleneck"] = Field(
        "ring", description="what is driven"
    )
    vehicles: int = Field(22, ge=2, le=500, description="vehicles on the ring")
    length: tuple[float, float] = Field((220.0, 270.0), description="of the ring, least and greatest, m")
    bunching: float = Field(40.0, ge=0, le=1e5, description="part of the ring that is empty at first, m")
    command: Literal["acceleration", "speed"] = Field(
        "acceleration",
        description="what actions are but in the bottleneck: accelerations, or speeds from 0 to top_speed "
        "that are approached with max_acceleration",
    )
    top_speed: PositiveSpeed = Field(10.0, description="largest speed that can be commanded, m/s")
    share: float = Field(0.1, ge=0, le=1, description="automated share of the inflow (merge, bottleneck)")
    flow: float = Field(
        2000.0, gt=0, le=10000, description="inflow of the highway or bottleneck, veh/h; Flow's: 2000, 2500"
    )
    ramp_flow: float = Field(100.0, ge=0, le=3000, description="inflow of the merge's ramp, veh/h")
    warmup: float = Field(75.0, ge=0, le=3600, description="human driving on the ring before control, s")
    horizon: float = Field(300.0, ge=1, le=36000, description="time under control, s; Flow's: 150, 750, 750")
    measured: float = Field(
        300.0, ge=1, le=36000, description="last part of the horizon that metrics are of, s"
    )

    @model_validator(mode="after")
    def _consistent(self) -> SumoConfig:
        if not self.length[0] <= self.length[1] <= 1e4:
            raise ValueError("length must be two lengths in ascending order, at most 10 km")
        if self.length[0] - self.bunching <= self.vehicles * self.driver.length:
            raise ValueError("the vehicles have no room: lower bunching")
        if self.measured > self.horizon:
            raise ValueError("measured cannot be longer than horizon")
        return self


def is_bottleneck(config: SumoConfig) -> bool:
    """Whether actions are speed limits of segments."""
    return config.network == "bottleneck"


def drives_vehicles(config: SumoConfig) -> bool:
    """Whether actions are accelerations or speeds of automated vehicles, which controllers give."""
    return not is_bottleneck(config)
