"""The environments of a training run as data, and back: what `sandbox.api.Task.resume` promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.api.ahead import chain
from sandbox.api.types import Json, VectorEnvironment
from sandbox.envs.seeding import EnvSeeds, NativeSeeds


def capture(envs: VectorEnvironment) -> Json:
    """The state of a training run's environments, as `sandbox.api.write_state` takes it."""
    native, singles = _seeded(envs)
    if native is not None:
        return {"native": native.training_state(), "layers": [layer.get_layer() for layer in _layers(envs)]}
    return {"copies": list(singles.call("training_state"))}


def restore(envs: VectorEnvironment, state: Json, on_message: Callable[[str], None]) -> None:
    """Bring environments into a captured state.

    Args:
        envs: Freshly made as they were then.
        state: What `capture` gave.
        on_message: Called if an episode that was played again led to another observation.

    Raises:
        SandboxError: If the simulator or the plugin fails.
    """
    native, singles = _seeded(envs)
    if native is not None:
        same = [native.restore_training_state(state["native"])]
        for layer, saved in zip(_layers(envs), state.get("layers", ()), strict=False):
            layer.set_layer(saved)
    else:
        same = singles.call("restore_training_state", state["copies"])
    if not all(same):
        on_message(
            "The current episode was played again and did not lead to the same observation: this task "
            "is not a function of seed and actions, and the run is not exactly what it would have been."
        )


def _seeded(envs: Any) -> tuple[Any, Any]:
    """The wrapper that seeds a native vector environment, or else the vector of single environments."""
    for layer in chain(envs):
        if isinstance(layer, EnvSeeds | NativeSeeds):
            return layer, None
    return None, layer


def _layers(envs: Any) -> list[Any]:
    """Wrappers outside of the one that seeds, outermost first, that keep something themselves."""
    return [layer for layer in chain(envs) if hasattr(type(layer), "get_layer")]
