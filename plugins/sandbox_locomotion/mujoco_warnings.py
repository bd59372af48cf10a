"""Keeps MuJoCo's warnings away from the user's console and working directory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import mujoco

Result = TypeVar("Result")


@cache
def silence_mujoco() -> None:
    """Keep MuJoCo from writing its warnings to ``MUJOCO_LOG.TXT`` in the working directory.

    Everything that it warns of is either checked by this package (divergence) or does not concern the
    user (deprecated attributes in Gymnasium's models). A handler that is already set is kept.
    """
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(lambda message: None)


def without_warnings(function: Callable[[], Result]) -> Result:
    """The result of ``function()``, with Python warnings ignored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()
