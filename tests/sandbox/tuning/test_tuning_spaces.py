"""Search spaces follow the typed hyperparameters: the algorithm, the budget, the user's ranges."""

from __future__ import annotations

import pytest

from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.tuning.spaces import Choice, Real, Space, Whole, space_of

LEARNERS = (
    "ppo",
    "a2c",
    "dqn",
    "qr-dqn",
    "sac",
    "td3",
    "tqc",
    "trpo",
    "crossq",
    "ars",
    "recurrent-ppo",
    "reinforce",
)


def space(name: str, steps: int = 100_000, num_envs: int = 2, **more: list[str]) -> Space:
    model = resolve(registry().algorithm(name).config)
    return space_of(name, model, model(), steps, num_envs, more.get("given", ()), more.get("only", ()))


@pytest.mark.parametrize("name", LEARNERS)
def test_every_algorithm_has_a_space_within_its_own_bounds(name: str) -> None:
    """`space_of` itself refuses ends that the model refuses; a learning rate is always searched by order."""
    found = space(name)
    assert len(found) >= 3
    rate = found["learning_rate"]
    assert isinstance(rate, Real)
    assert rate.log


def test_discounts_are_drawn_by_their_distance_from_one() -> None:
    gamma = space("ppo")["gamma"]
    assert isinstance(gamma, Real)
    assert gamma.complement
    assert gamma.log


def test_rollouts_longer_than_a_tenth_of_the_budget_are_left_out() -> None:
    steps = space("ppo", steps=10_000, num_envs=8)["n_steps"]
    assert isinstance(steps, Choice)
    assert max(steps.values) * 8 <= 1_000
    longer = space("ppo", steps=1_000_000, num_envs=8)["n_steps"]
    assert isinstance(longer, Choice)
    assert max(longer.values) == 2048


def test_off_policy_learners_keep_their_n_step_return_and_learned_entropy() -> None:
    assert "n_steps" not in space("sac")
    assert "ent_coef" not in space("sac")
    assert "tau" in space("sac")
    assert "target_update_interval" not in space("sac"), "its target moves softly"
    assert "tau" not in space("dqn"), "its target is copied"
    assert "target_update_interval" in space("dqn")


def test_ranges_of_ones_own_replace_the_derived_ones() -> None:
    given = ["learning_rate=1e-4:1e-3:log", "n_epochs=2:8", "activation=elu,silu"]
    found = space("ppo", given=given)
    assert found["learning_rate"] == Real(1e-4, 1e-3, log=True)
    assert found["n_epochs"] == Whole(2, 8)
    assert found["activation"] == Choice(("elu", "silu"))
    assert set(space("ppo", only=["gamma", "clip_range"])) == {"gamma", "clip_range"}


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
