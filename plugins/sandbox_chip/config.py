"""Parameters of the placement task, with units and bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox.api import InputFile

GENERATED = "generated:"
"""Prefix of ``netlist`` for designs that the plugin generates; the name of a family follows."""

FAMILIES = ("mixed", "heavy", "banks", "tiles", "blocks")
"""Families of generated designs; ``mixed`` draws one of the others for each design."""


class FenceConfig(BaseModel):
    """A region that some macros must lie in."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    box: tuple[float, float, float, float] = Field(
        description="left, bottom, right and top in the design's coordinates, µm"
    )
    macros: tuple[str, ...] = Field(
        min_length=1, description="names of macros; * stands for any text, as in core/ram*"
    )
    exclusive: bool = Field(True, description="whether all other macros must stay outside")

    @model_validator(mode="after")
    def _not_empty(self) -> FenceConfig:
        left, bottom, right, top = self.box
        if right <= left or top <= bottom:
            raise ValueError(f"the box {self.box} is empty: it needs left, bottom, right and top")
        return self

    def members(self, names: Iterable[str]) -> frozenset[str]:
        """Those of some names that the fence is for."""
        patterns = [re.escape(name).replace(r"\*", ".*") for name in self.macros]
        matches = re.compile("|".join(patterns)).fullmatch
        return frozenset(name for name in names if matches(name))


class ChipConfig(BaseModel):
    """A design, the grid to place it on, and the technology that its costs are measured with."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    netlist: Annotated[str, InputFile()] = Field(
        "generated:mixed",
        min_length=1,
        description="a design: .aux (Bookshelf), netlist.pb.txt (circuit training), .blocks, .hardblocks, "
        ".block (GSRC, MCNC), .def (DEF); or generated: and one of mixed, heavy, banks, tiles, blocks",
    )
    placement: Annotated[str | None, InputFile()] = Field(
        None, description="placement and canvas for the design: .plc (circuit training)"
    )
    lef: Annotated[tuple[str, ...], InputFile()] = Field(
        (), description="libraries for a .def (LEF), one or several: technology, standard cells, macros"
    )
    grid: int = Field(
        32, ge=4, le=256, description="columns and rows of the grid that macros are placed on, 1"
    )
    orientation: Literal["fixed", "mirror", "any"] = Field(
        "fixed",
        description="orientations an agent may choose from: the file's own; that and its mirrors; all eight",
    )
    free_blocks: bool = Field(
        True, description="whether fixed blocks of a Bookshelf design are placed like its other macros"
    )
    soft_macros: Literal["forces", "file", "none"] = Field(
        "forces",
        description="soft macros: placed by forces after the hard ones; at the file's places; left out",
    )
    cells: Literal["none", "analytic"] = Field(
        "none",
        description="standard cells: left out; or placed after the macros by an analytic placer, seconds for "
        "ten thousand",
    )
    halo: float = Field(
        0.0, ge=0, le=1e6, description="margin around each macro that no other macro may enter, µm"
    )
    channel: float = Field(0.0, ge=0, le=1e6, description="least distance between two macros, µm")
    fences: tuple[FenceConfig, ...] = Field(
        (), max_length=60, description="regions that some macros must lie in: box, macros, exclusive"
    )
    macros_min: int = Field(16, ge=2, le=2000, description="least number of macros of a generated design, 1")
    macros_max: int = Field(
        24, ge=2, le=2000, description="greatest number of macros of a generated design, 1"
    )
    utilisation_min: float = Field(
        0.4, gt=0, le=0.8, description="least share of the canvas that macros take, 1"
    )
    utilisation_max: float = Field(
        0.6, gt=0, le=0.8, description="greatest share of the canvas that macros take, 1"
    )
    generated_cells: int = Field(0, ge=0, le=100_000, description="standard cells of a generated design, 1")
    rent: float = Field(0.65, ge=0.3, le=0.9, description="Rent's exponent of generated designs, 1")
    design_seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="seed of the one design that is generated; if absent a new design each episode",
    )
    density_target: float = Field(
        0.8,
        gt=0,
        le=1,
        description="share of a bin above which density overflows, of macros and of cells, 1",
    )
    cost_grid: int | None = Field(
        None,
        ge=2,
        le=512,
        description="columns and rows of the cost grid; if absent the file's, else the placement grid's",
    )
    routes_h: float | None = Field(
        None, gt=0, le=10_000, description="horizontal routes, 1/µm; if absent the file's, else 70.33"
    )
    routes_v: float | None = Field(
        None, gt=0, le=10_000, description="vertical routes, 1/µm; if absent the file's, else 74.51"
    )
    blocked_h: float | None = Field(
        None,
        ge=0,
        le=10_000,
        description="horizontal routes that a macro takes, 1/µm; if absent the file's, else 51.79",
    )
    blocked_v: float | None = Field(
        None,
        ge=0,
        le=10_000,
        description="vertical routes that a macro takes, 1/µm; if absent the file's, else 51.79",
    )
    smoothing: int | None = Field(
        None,
        ge=0,
        le=50,
        description="neighbours on each side over which routes are spread; if absent the file's, else 2",
    )

    @field_validator("lef", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return () if value is None else (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> ChipConfig:
        if self.macros_min > self.macros_max:
            raise ValueError(f"macros_min ({self.macros_min}) must not exceed macros_max ({self.macros_max})")
        if self.utilisation_min > self.utilisation_max:
            raise ValueError(
                f"utilisation_min ({self.utilisation_min:g}) must not exceed utilisation_max "
                f"({self.utilisation_max:g})"
            )
        if self.netlist.startswith(GENERATED):
            family = self.netlist.removeprefix(GENERATED)
            if family not in FAMILIES:
                raise ValueError(f"there is no family '{family[:40]}': use one of {', '.join(FAMILIES)}")
            if self.placement is not None:
                raise ValueError("a generated design has no placement file")
        return self
