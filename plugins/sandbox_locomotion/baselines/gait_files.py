"""Files of tuned parameters: those in ``data/``, and those that a user has tuned for a model of their own."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.api import BrokenFileError, InvalidValueError
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.models.files import read_regular_file

MAX_BYTES = 1_000_000


class GaitFile(BaseModel):
    """What a file of tuned parameters holds, among other things.

    Attributes:
        numbers: The parameters.
        motors: Names of the actuators that they were tuned for; none in the files of shipped robots.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    numbers: list[float]
    motors: list[str] = []


def tuned_parameters(file: str) -> Floats | None:
    """The parameters in a file of ``data/``; None if there is no such file."""
    path = files("sandbox_locomotion") / "data" / file
    return np.array(json.loads(path.read_text("utf-8"))["numbers"]) if path.is_file() else None


def read_gait(path: str, motors: list[str]) -> Floats:
    """The parameters that were tuned for a robot with these actuators.

    Raises:
        BrokenFileError: If the file does not hold parameters.
        InvalidValueError: If they were tuned for a robot with other actuators.
    """
    content = read_regular_file(Path(path), MAX_BYTES)
    try:
        gait = GaitFile.model_validate_json(content)
    except ValidationError as error:
        raise BrokenFileError(path, f"holds no tuned gait: {error.errors()[0]['msg']}") from None
    if gait.motors != motors:
        raise InvalidValueError(
            f"The gait {path} was tuned for a robot with the actuators "
            f"{', '.join(gait.motors) or 'unknown'}, not {', '.join(motors)}.",
            "Tune one for this model.",
        )
    return np.array(gait.numbers)
