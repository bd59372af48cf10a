"""Parameters of the tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sandbox.api import InputFile

WEIGHTS = "model.safetensors"
PAIRS = 2000
"""Pairs that the reward model which ships was fitted to."""


class LanguageConfig(BaseModel):
    """The language model, who judges its texts, and how long they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Annotated[str, InputFile()] = Field(
        "",
        description="pre-trained model: nothing for the one that ships, or the folder of a causal "
        "language model "
        "of transformers (config.json, model.safetensors, tokenizer.json)",
    )
    preferences: Annotated[str, InputFile()] = Field(
        "",
        description="pairs of texts that people compared: nothing for those made of VADER's ratings, or "
        "a file of "
        "JSON lines with prompt, chosen and rejected",
    )
    pairs: int = Field(
        PAIRS, ge=10, le=200_000, description="pairs that the reward model is fitted to, at most"
    )
    tokens: int = Field(14, ge=1, le=512, description="tokens of a text after its prompt, at most")

    @field_validator("model")
    @classmethod
    def _weights_of_a_folder(cls, value: str) -> str:
        """A folder stands for the weights in it, whose content takes part in the scenario's hash."""
        folder = Path(value)
        if value and folder.is_dir():
            if not (folder / WEIGHTS).is_file():
                raise ValueError(f"{folder} holds no {WEIGHTS}; pickled or sharded weights are not read")
            return str(folder / WEIGHTS)
        if value and folder.name != WEIGHTS:
            raise ValueError(f"{value[:80]} is neither a folder nor a file named {WEIGHTS}")
        return value

    @property
    def ships(self) -> bool:
        """Whether it is the model and the preferences that ship."""
        return not self.model and not self.preferences


class TextsConfig(LanguageConfig):
    """Several texts on one prompt, measured together."""

    texts: int = Field(16, ge=2, le=4096, description="texts of an episode")
