"""Small traffic environments shared by the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv, SignalsEnv, make_signal, make_signals
from sandbox_traffic.reward import PRESETS


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def signal_env() -> Iterator[Callable[..., SignalEnv]]:
    """Makes environments of one signal and closes them."""
    made: list[SignalEnv] = []

    def make(preset: str = "queue", **config: Any) -> SignalEnv:
        made.append(make_signal(SignalConfig(**{"duration": 300, **config}), PRESETS[preset]))
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.fixture
def signals_env() -> Iterator[Callable[..., SignalsEnv]]:
    """Makes environments of all signals of a network and closes them."""
    made: list[SignalsEnv] = []

    def make(preset: str = "queue", **config: Any) -> SignalsEnv:
        made.append(make_signals(SignalConfig(**{"duration": 300, **config}), PRESETS[preset]))
        return made[-1]

    yield make
    for env in made:
        env.close()
