"""Torch state as plain trees for `sandbox.api.write_state`, and the random generators of the process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sandbox.api.types import Json


def packed(value: Any) -> Any:
    """A ``state_dict`` in a form that can be written: tensors as arrays, keys as text, all else unchanged."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, Mapping):
        return {str(key): packed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [packed(item) for item in value]
    return value


def load_module(module: torch.nn.Module, state: Json) -> None:
    """Load the packed ``state_dict`` of a module; every entry must be present."""
    module.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in state.items()})


def load_optimizer(optimizer: torch.optim.Optimizer, state: Json) -> None:
    """Load the packed ``state_dict`` of an optimiser."""
    optimizer.load_state_dict(
        {
            "state": {
                int(index): {name: _tensor(value) for name, value in moments.items()}
                for index, moments in state["state"].items()
            },
            "param_groups": [
                {key: tuple(value) if key == "betas" else value for key, value in group.items()}
                for group in state["param_groups"]
            ],
        }
    )


def generators() -> Json:
    """State of the global generators of this process: Python's, NumPy's and torch's."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": {"version": version, "words": list(words), "gauss": gauss},
        "numpy": {
            "name": name, "keys": keys, "position": position, "has_gauss": has_gauss, "cached": cached,
        },
        "torch": torch.get_rng_state().numpy().copy(),
    }  # fmt: skip


def restore_generators(state: Json) -> None:
    """Restore the global generators; to be done last, because building a seeded model reseeds them."""
    python, legacy = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"]), python["gauss"]))
    np.random.set_state(
        (legacy["name"], legacy["keys"], legacy["position"], legacy["has_gauss"], legacy["cached"])
    )
    torch.set_rng_state(torch.from_numpy(state["torch"]))


def _tensor(value: Any) -> Any:
    return torch.from_numpy(np.asarray(value)) if isinstance(value, np.ndarray) else value
