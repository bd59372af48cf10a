"""Search spaces follow the ranges on the fields of a config, the budget, and the user's ranges."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from sandbox.api import Tunable
from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.tuning.spaces import Choice, Real, Space, Whole, space_of

ORDERS = Real(1e-5, 1e-2, log=True)
DISCOUNT = Real(0.9, 0.999, log=True, complement=True)
TRACE = Real(0.8, 0.995, log=True, complement=True)
ENTROPY = Real(1e-6, 0.1, log=True)
CLIP = Real(0.3, 10.0, log=True)
SIZES = Choice((32, 64, 128, 256, 512, 1024))
ROLLOUTS = Choice((32, 64, 128, 256, 512, 1024, 2048))
SWITCH = Choice((False, True))
LAYERS = Choice(((64, 64), (128, 128), (256, 256)))

NETWORK = {"net_arch": LAYERS, "activation": Choice(("tanh", "relu")), "normalize_observation": SWITCH}
SCHEDULE = {"learning_rate_schedule": Choice(("constant", "linear"))}
ON_POLICY = {**NETWORK, **SCHEDULE, "learning_rate": ORDERS, "gamma": DISCOUNT, "gae_lambda": TRACE}
PPO = {
    **ON_POLICY,
    "n_steps": ROLLOUTS,
    "batch_size": SIZES,
    "n_epochs": Choice((3, 5, 10, 20)),
    "clip_range": Choice((0.1, 0.2, 0.3)),
    "target_kl": Real(0.003, 0.05, log=True),
    "ent_coef": ENTROPY,
    "max_grad_norm": CLIP,
}
OFF_POLICY = {
    **NETWORK,
    **SCHEDULE,
    "learning_rate": ORDERS,
    "gamma": DISCOUNT,
    "batch_size": SIZES,
    "train_freq": Choice((1, 2, 4, 8, 16)),
    "learning_starts": Choice((100, 1_000, 5_000)),
}
SOFT = {**OFF_POLICY, "tau": Real(0.001, 0.1, log=True)}
DEEP_Q = {
    **OFF_POLICY,
    "learning_rate": Real(1e-5, 5e-3, log=True),
    "target_update_interval": Whole(100, 20_000, log=True),
    "exploration_fraction": Real(0.05, 0.5),
    "exploration_final_eps": Real(0.01, 0.1, log=True),
}

RANGES: dict[str, Space] = {
    "ppo": PPO,
    "maskable-ppo": PPO,
    "recurrent-ppo": PPO,
    "a2c": {
        **ON_POLICY,
        "n_steps": Choice((5, 8, 16, 32, 64, 128)),
        "ent_coef": ENTROPY,
        "max_grad_norm": CLIP,
    },
    "trpo": {
        **ON_POLICY,
        "n_steps": ROLLOUTS,
        "batch_size": SIZES,
        "target_kl": Real(0.003, 0.05, log=True),
    },
    "dqn": DEEP_Q,
    "qr-dqn": DEEP_Q,
    "sac": SOFT,
    "td3": SOFT,
    "tqc": SOFT,
    "crossq": OFF_POLICY,
    "ars": {
        "learning_rate": Real(1e-3, 0.1, log=True),
        "normalize_observation": SWITCH,
        "delta_std": Real(0.01, 0.3, log=True),
        "n_delta": Choice((4, 8, 16, 32)),
    },
    "reinforce": {
        **NETWORK,
        "learning_rate": ORDERS,
        "value_learning_rate": Real(1e-4, 1e-2, log=True),
        "gamma": DISCOUNT,
        "gae_lambda": TRACE,
        "entropy_coef": ENTROPY,
        "episodes_per_update": Choice((8, 16, 32, 64, 128)),
        "max_grad_norm": CLIP,
    },
    "rllib-ppo": {
        **NETWORK,
        "learning_rate": ORDERS,
        "gamma": DISCOUNT,
        "gae_lambda": TRACE,
        "entropy_coef": ENTROPY,
        "clip_range": Choice((0.1, 0.2, 0.3)),
        "n_epochs": Choice((3, 5, 10, 20)),
        "n_steps": ROLLOUTS,
        "max_grad_norm": CLIP,
    },
}
"""The spaces where a training is long enough for every rollout and warm-up."""


class Mine(BaseModel):
    """Hyperparameters of an algorithm of another package."""

    step_size: Annotated[float, Tunable(0.1, 0.9)] = Field(0.5, gt=0, le=1)
    horizon: Annotated[int, Tunable(choices=(10, 100, 5_000), limit="rollout")] = Field(10, ge=1)
    samples: Annotated[int, Tunable(choices=(50, 100, 500), limit="minibatch")] = Field(50, ge=1)
    period: Annotated[int, Tunable(2, 50, unless=1)] = Field(1, ge=1)
    layers: int = Field(2, ge=1, le=8)


class WithoutRanges(BaseModel):
    """Hyperparameters that declare no range."""

    rate: float = Field(0.5, gt=0, le=1)
    layers: int = Field(2, ge=1, le=8)
    steps: int = Field(2, ge=1)


def space(name: str, steps: int = 100_000, num_envs: int = 2, **more: Any) -> Space:
    model = resolve(registry().algorithm(name).config)
    defaults = model(**more.get("preset", {}))
    return space_of(name, model, defaults, steps, num_envs, more.get("given", ()), more.get("only", ()))


@pytest.mark.parametrize("name", RANGES)
def test_every_algorithm_is_searched_over_these_ranges(name: str) -> None:
    """`space_of` itself refuses ends that the config refuses."""
    assert space(name, steps=1_000_000) == RANGES[name]


def test_no_algorithm_of_the_package_is_left_out() -> None:
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    named = declared["project"]["entry-points"]["sandbox.algorithms"]
    of_networks = {
        name
        for name, target in named.items()
        if ".sb3." in target or "reinforce" in target or "rllib" in target
    }
    assert set(RANGES) == of_networks


def test_an_algorithm_of_another_package_declares_its_ranges_on_its_fields() -> None:
    assert space_of("mine", Mine, Mine(), steps=10_000, num_envs=4) == {
        "step_size": Real(0.1, 0.9),
        "horizon": Choice((10, 100)),  # 5,000 steps of four environments are more than a tenth of 10,000
        "samples": Choice((50, 100)),  # the longest rollout has 100 · 4 samples
    }
    assert space_of("mine", Mine, Mine(period=5), 10_000, 4)["period"] == Whole(2, 50)


def test_without_any_range_bounded_numbers_are_searched_over_two_decades() -> None:
    searched = space_of("bare", WithoutRanges, WithoutRanges(), steps=1_000, num_envs=1)
    assert searched == {"rate": Real(0.05, 1.0, log=True), "layers": Whole(1, 8, log=True)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "low < high"),
        ({"low": 2, "high": 1}, "low < high"),
        ({"low": 0, "high": 1, "log": True}, "above 0"),
        ({"choices": (1,)}, "two choices"),
        ({"low": 1, "high": 2, "choices": (1, 2)}, "either"),
    ],
)
def test_an_impossible_range_is_refused_where_it_is_declared(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Tunable(**arguments)


def test_rollouts_longer_than_a_tenth_of_the_budget_are_left_out() -> None:
    steps = space("ppo", steps=10_000, num_envs=8)["n_steps"]
    assert steps == Choice((32, 64))
    assert space("ppo", steps=1_000_000, num_envs=8)["n_steps"] == ROLLOUTS
    assert "n_steps" not in space("ppo", steps=1_000, num_envs=8), "there is nothing to choose from"


def test_minibatches_are_no_larger_than_the_longest_rollout() -> None:
    assert space("ppo", steps=20_000, num_envs=1)["batch_size"] == SIZES
    assert space("ppo", steps=1_000, num_envs=1)["batch_size"] == Choice((32, 64))


def test_warm_ups_longer_than_a_tenth_of_the_budget_are_left_out() -> None:
    assert space("sac", steps=20_000)["learning_starts"] == Choice((100, 1_000))


def test_target_networks_are_searched_by_the_way_they_move() -> None:
    assert "tau" in space("sac")
    assert "target_update_interval" not in space("sac"), "its target moves softly"
    assert "tau" not in space("dqn"), "its target is copied"
    assert "target_update_interval" in space("dqn")
    assert "tau" in space("dqn", preset={"tau": 0.01})
    assert "target_update_interval" in space("sac", preset={"target_update_interval": 50})


def test_ranges_that_are_given_replace_the_declared_ones() -> None:
    given = ["learning_rate=1e-4:1e-3:log", "n_epochs=2:8", "activation=elu,silu"]
    searched = space("ppo", given=given)
    assert searched["learning_rate"] == Real(1e-4, 1e-3, log=True)
    assert searched["n_epochs"] == Whole(2, 8)
    assert searched["activation"] == Choice(("elu", "silu"))
    assert set(space("ppo", only=["gamma", "clip_range"])) == {"gamma", "clip_range"}


def test_a_range_that_trials_are_too_short_for_is_not_called_unknown() -> None:
    with pytest.raises(InvalidValueError, match="No value in the range of n_steps fits trials of 64 steps"):
        space("ppo", steps=64, only=["gamma", "n_steps"])


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("gama=0.9:0.99", UnknownNameError, "gamma"),
        ("gamma=0.9", InvalidValueError, "two different"),
        ("gamma=0.99:0.9", InvalidValueError, "low < high"),
        ("gamma=0:0.9:log", InvalidValueError, "above 0"),
        ("gamma=0.9:1.5", InvalidValueError, "1"),
        ("gamma=a:b", InvalidValueError, "numbers"),
        ("gamma", InvalidValueError, "name=low:high"),
        ("activation=tanh,sine", InvalidValueError, "tanh"),
    ],
)
def test_impossible_ranges_are_refused_in_words(given: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        space("ppo", given=[given])
    assert words in f"{caught.value.message} {caught.value.hint}"  # type: ignore[attr-defined]
