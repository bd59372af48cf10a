"""The environments of a training run as data, and back: what `sandbox.api.Task.resume` promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym

from sandbox.envs.seeding import CopySeeds, NativeSeeds


def capture(envs: Any) -> dict[str, Any]:
    """The state of a training run's environments, as `sandbox.api.write_state` takes it."""
    keeper, copies = _keeper(envs)
    if keeper is not None:
        return {"native": keeper.training_state()}
    return {"copies": list(copies.call("training_state"))}


def restore(envs: Any, state: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Bring environments into a captured state.

    Args:
        envs: Freshly made as they were then.
        state: What `capture` gave.
        say: Hears if an episode that was played again ended up elsewhere.

    Raises:
        SandboxError: If the simulator or the plugin fails.
    """
    keeper, copies = _keeper(envs)
    if keeper is not None:
        same = [keeper.restore_training_state(state["native"])]
    else:
        same = copies.call("restore_training_state", state["copies"])
    if not all(same):
        say(
            "The current episode was played again and did not lead to the same observation: this task "
            "is not a function of seed and actions, and the run is not exactly what it would have been."
        )


def _keeper(envs: Any) -> tuple[Any, Any]:
    """What keeps the state of a native environment, or else the vector environment with the copies."""
    while envs is not None:
        if isinstance(envs, CopySeeds | NativeSeeds):
            return envs, None
        inner = getattr(envs, "copies_of", None) or (
            envs.env if isinstance(envs, gym.vector.VectorWrapper) else None
        )
        if inner is None:
            return None, envs
        envs = inner
    raise TypeError("no environments")
