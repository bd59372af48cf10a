"""Parameters of the placement task, with units and bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import InputFile

GENERATED = "generated:"
"""Scheme of designs that the plugin makes itself: ``generated:`` and a family."""

FAMILIES = ("mixed", "heavy", "banks", "tiles", "blocks")


class ChipConfig(BaseModel):
    """A design, the grid to place it on, and what its costs are measured with."""

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
    lef: Annotated[str | None, InputFile()] = Field(None, description="library of macros for a .def (LEF)")
    grid: int = Field(
        32, ge=4, le=256, description="columns and rows of the grid that macros are placed on, 1"
    )
    orientation: Literal["fixed", "mirror", "any"] = Field(
        "fixed", description="what an agent may choose: nothing; N, FN, FS, S; or all eight"
    )
    free_blocks: bool = Field(
        True, description="whether fixed blocks of a Bookshelf design may be placed anew"
    )
    macros_min: int = Field(16, ge=2, le=2000, description="least macros of a generated design, 1")
    macros_max: int = Field(24, ge=2, le=2000, description="greatest macros of a generated design, 1")
    utilisation_min: float = Field(
        0.4, gt=0, le=0.8, description="least share of the canvas that macros take, 1"
    )
    utilisation_max: float = Field(0.6, gt=0, le=0.8, description="greatest share, 1")
    rent: float = Field(0.65, ge=0.3, le=0.9, description="Rent's exponent of generated designs, 1")
    design_seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="always the generated design of this seed; if absent a new one each episode",
    )
    density_target: float = Field(
        0.8, gt=0, le=1, description="share of a bin above which density overflows, 1"
    )
    cost_grid: int | None = Field(
        None,
        ge=2,
        le=512,
        description="columns and rows of the cost grid; the file's, else the placement grid's",
    )
    routes_h: float | None = Field(
        None, gt=0, le=10_000, description="horizontal routes, 1/µm; the file's, else 70.33"
    )
    routes_v: float | None = Field(
        None, gt=0, le=10_000, description="vertical routes, 1/µm; the file's, else 74.51"
    )
    blocked_h: float | None = Field(
        None,
        ge=0,
        le=10_000,
        description="horizontal routes that a macro takes, 1/µm; the file's, else 51.79",
    )
    blocked_v: float | None = Field(
        None, ge=0, le=10_000, description="vertical routes that a macro takes, 1/µm; the file's, else 51.79"
    )
    smoothing: int | None = Field(
        None, ge=0, le=50, description="neighbouring cells over which routes are spread; the file's, else 2"
    )

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
