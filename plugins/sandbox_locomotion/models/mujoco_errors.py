"""MuJoCo's error messages about a file as errors for its author."""

from __future__ import annotations

import re

from sandbox.api import BrokenFileError


def mujoco_error(path: object, message: str) -> BrokenFileError:
    """What MuJoCo says about a file, with the line that it names."""
    text = " ".join(message.split())
    line = re.search(r"line (\d+)", text)
    text = re.sub(r"^(XML )?Error:?\s*", "", text)
    return BrokenFileError(path, text or "MuJoCo cannot read it", int(line.group(1)) if line else None)
