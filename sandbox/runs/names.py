"""How a run and one of its policies are named: ``DIR``, ``DIR@final``, ``DIR@best``, ``DIR@STEP``."""

from __future__ import annotations


def split_policy(text: str) -> tuple[str, str]:
    """A run's name, and which of its policies is meant: ``final``, ``best``, or the steps of a checkpoint.

    The second is empty where the name does not say.
    """
    name, at, which = text.rpartition("@")
    return (name, which) if at and (which in ("best", "final") or which.isdecimal()) else (text, "")
