"""Parameters of the denoising tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sandbox.api import CodeName, InputFile

PIPELINE_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
MODEL_WEIGHTS = "diffusion_pytorch_model.safetensors"


class DenoisingConfig(BaseModel):
    """The model, its process, and what its images are rewarded for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Annotated[str, InputFile(), CodeName()] = Field(
        "",
        description="pre-trained model: nothing for the one that ships, a folder or .safetensors file of a "
        "UNet2DModel or an unconditional pipeline of diffusers, or module:function that makes a torch module",
    )
    steps: int = Field(20, ge=2, le=1000, description="T, denoising steps of an image")
    eta: float = Field(1.0, ge=0.0, le=1.0, description="η of DDIM: 1 adds as much noise as DDPM")
    sigma_floor: float = Field(
        0.03, gt=0.0, le=1.0, description="least standard deviation of a step; pixels go from −1 to 1"
    )
    goal: Annotated[str, CodeName()] = Field(
        "digit",
        description="what is rewarded: digit (a classifier's probability), compressibility, "
        "incompressibility, brightness, or module:function from images (n, channels, height, width), "
        "pixels from 0 to 1, to n rewards",
    )
    digit: int = Field(8, ge=0, le=9, description="the digit of the goal digit")
    action: Literal["image", "noise"] = Field(
        "image",
        description="the action: the next image, or what is added to the pre-trained model's mean, in "
        "standard deviations of the step",
    )

    @field_validator("model")
    @classmethod
    def _weights_of_a_folder(cls, value: str) -> str:
        """A folder stands for the weights in it."""
        folder = Path(value)
        if folder.is_dir():
            for name in (PIPELINE_WEIGHTS, MODEL_WEIGHTS):
                if (folder / name).is_file():
                    return str(folder / name)
            raise ValueError(f"{folder} holds neither {PIPELINE_WEIGHTS} nor {MODEL_WEIGHTS}")
        return value

    @field_validator("goal")
    @classmethod
    def _known_goal(cls, value: str) -> str:
        if value not in GOALS and ":" not in value:
            raise ValueError(f"there is no goal {value[:40]}; known: {', '.join(GOALS)}, or module:function")
        return value


GOALS = ("digit", "compressibility", "incompressibility", "brightness")


class SetConfig(DenoisingConfig):
    """Several images that are made side by side and judged together."""

    images: int = Field(32, ge=2, le=4096, description="images of an episode")
