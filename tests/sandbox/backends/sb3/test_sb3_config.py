"""Hyperparameters are SB3's own, with its defaults, and impossible ones are refused with a reason."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sb3_tasks import ALGORITHMS, Corridor, config_of, example_action_space, short, trained

from sandbox.api import InvalidValueError
from sandbox.backends.sb3 import catalogue
from sandbox.backends.sb3.config.common import Config
from sandbox.backends.sb3.model import NOT_ARGUMENTS
from sandbox.backends.sb3.networks import ACTIVATIONS, default_activation, model_class
from sandbox.registry.resolve import resolve

ROOT = Path(__file__).parents[4]

EXTRA = {
    "learning_rate_schedule": "constant",
    "clip_range_schedule": "constant",
    "ent_coef_schedule": "constant",
    "net_arch": None,
    "activation": None,
    "convolution": None,
    "backend": "sb3",
    "run_ahead": False,
    "normalize_observation": False,
    "normalize_reward": False,
    "stochastic": False,
    "action_noise_std": 0.0,
    "policy": "linear",
}
"""Fields that SB3's constructors do not have, and what means that nothing is changed."""

NOT_OFFERED = {
    *("self", "policy", "env", "verbose", "seed", "device", "tensorboard_log", "stats_window_size"),
    *("_init_setup_model", "policy_kwargs", "rollout_buffer_class", "rollout_buffer_kwargs"),
    *("replay_buffer_class", "replay_buffer_kwargs", "optimize_memory_usage", "action_noise"),
    *("use_sde", "sde_sample_freq", "use_sde_at_warmup"),
}


def defaults(function: Any) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_default_is_sb3s(name: str) -> None:
    theirs = defaults(model_class(ALGORITHMS[name]).__init__)
    policies = model_class(ALGORITHMS[name]).policy_aliases
    policy = defaults(policies.get("MlpPolicy", policies.get("MlpLstmPolicy")).__init__)
    for field, info in config_of(name).model_fields.items():
        if field in EXTRA:
            assert info.default == EXTRA[field], field
        elif field in theirs:
            assert info.default == theirs[field], field
        elif field == "log_std_init" and "Box" not in ALGORITHMS[name].capabilities.action_spaces:
            continue  # without continuous actions the field is there so that PPO's presets fit
        else:
            assert info.default == policy[field], field


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_hyperparameter_of_sb3_is_offered(name: str) -> None:
    theirs = set(defaults(model_class(ALGORITHMS[name]).__init__)) - NOT_OFFERED
    assert theirs <= set(config_of(name).model_fields)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_field_is_described_and_used(name: str) -> None:
    theirs = set(defaults(model_class(ALGORITHMS[name]).__init__))
    for field, info in config_of(name).model_fields.items():
        assert info.description, field
        assert field in theirs or field in NOT_ARGUMENTS, field


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_default_nonlinearity_is_sb3s(name: str) -> None:
    aliases = model_class(ALGORITHMS[name]).policy_aliases
    policy = defaults(aliases.get("MlpPolicy", aliases.get("MlpLstmPolicy")).__init__)
    assert ACTIVATIONS[default_activation(ALGORITHMS[name])] is policy["activation_fn"]


def test_presets_of_ppo_fit_maskable_ppo() -> None:
    ppo, maskable = config_of("ppo"), config_of("maskable-ppo")
    assert ALGORITHMS["ppo"].masked_by == "maskable-ppo"
    assert maskable.model_fields.keys() == ppo.model_fields.keys()
    assert maskable().model_dump() == ppo().model_dump()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_capabilities_are_those_of_the_sb3_class(name: str) -> None:
    """SB3 itself refuses what is not claimed."""
    from gymnasium import spaces

    every = [spaces.Box(-1, 1, (2,)), spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(2)]
    for space in every:
        claimed = type(space).__name__ in ALGORITHMS[name].capabilities.action_spaces
        if ALGORITHMS[name].recurrent and isinstance(space, spaces.MultiBinary):
            assert not claimed  # accepted by the class, but its first rollout fails
            continue
        make = model_class(ALGORITHMS[name])
        policy = "MlpLstmPolicy" if ALGORITHMS[name].recurrent else "MlpPolicy"
        try:
            make(policy, Corridor(action_space=space), device="cpu")
            accepted = True
        except (AssertionError, NotImplementedError):
            accepted = False
        assert accepted == claimed, space
    dicts = any("MultiInput" in alias for alias in model_class(ALGORITHMS[name]).policy_aliases)
    assert dicts == ("Dict" in ALGORITHMS[name].capabilities.observation_spaces)


@pytest.mark.parametrize(
    ("name", "hyperparameters", "words"),
    [
        ("ppo", {"learning_rate": -1}, "learning_rate"),
        ("ppo", {"gamma": 1.5}, "gamma"),
        ("ppo", {"n_step": 5}, "n_step"),
        ("ppo", {"batch_size": 1}, "batch_size must be at least 2"),
        ("ppo", {"net_arch": [64, 0]}, "net_arch"),
        ("ppo", {"net_arch": [10**9]}, "net_arch"),
        ("ppo", {"activation": "sine"}, "activation"),
        ("ppo", {"learning_rate": float("nan")}, "learning_rate"),
        ("ppo", {"clip_range": 0}, "clip_range"),
        ("dqn", {"batch_size": 64, "buffer_size": 32}, r"batch_size \(64\) must not be larger"),
        ("dqn", {"exploration_fraction": 2}, "exploration_fraction"),
        ("sac", {"ent_coef": "automatic"}, "ent_coef"),
        ("sac", {"ent_coef": "auto_0"}, "greater than 0"),
        ("sac", {"gradient_steps": -2}, "gradient_steps"),
        ("tqc", {"top_quantiles_to_drop_per_net": 25}, "smaller than n_quantiles"),
        ("ars", {"n_top": 9}, "n_top"),
        ("ars", {"net_arch": [8]}, "policy=mlp"),
        ("recurrent-ppo", {"shared_lstm": True}, "enable_critic_lstm=false"),
    ],
)
def test_impossible_hyperparameters_are_refused(
    name: str, hyperparameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        config_of(name)(**hyperparameters)


@pytest.mark.parametrize(
    ("hyperparameters", "rows", "words"),
    [
        ({"n_steps": 16, "batch_size": 64}, 2, r"batch_size \(64\) is larger than a rollout .* 16 × 2 = 32"),
        ({"n_steps": 1}, 1, "at least two transitions"),
    ],
)
def test_what_contradicts_the_number_of_rows_is_refused_before_learning(
    hyperparameters: dict[str, Any], rows: int, words: str
) -> None:
    with pytest.raises(InvalidValueError, match=words):
        trained("ppo", Corridor, hyperparameters, rows=rows)


def test_normalising_what_is_no_number_is_refused() -> None:
    from gymnasium import spaces

    def make() -> Corridor:
        return Corridor(observation_space=spaces.Discrete(4))

    with pytest.raises(InvalidValueError, match="normalize_observation needs observations that are numbers"):
        trained("ppo", make, {**short("ppo"), "normalize_observation": True})


def test_an_uneven_last_minibatch_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="last minibatch has 6"):
        trained("ppo", Corridor, {"n_steps": 16, "batch_size": 10, "n_epochs": 1})


def test_a_rollout_longer_than_the_training_is_shortened_and_said_so() -> None:
    from sb3_tasks import Recorder

    update = Recorder()
    with pytest.warns(UserWarning, match="n_steps=25 is used instead"):
        trained("ppo", Corridor, {}, steps=100, rows=4, update=update)
    assert update.steps[-1] == 100


@pytest.mark.parametrize("name", ALGORITHMS)
def test_training_prints_and_warns_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(name, lambda: Corridor(action_space=example_action_space(name)), steps=32)
    assert capsys.readouterr() == ("", "")


def test_listing_algorithms_imports_nothing_heavy() -> None:
    code = (
        "import sys, sandbox.backends.sb3.catalogue\n"
        "heavy = {'torch', 'numpy', 'gymnasium', 'pydantic'}\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & heavy))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_every_row_is_an_entry_point_and_names_what_exists() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    offered = {
        name: target.rpartition(":")[2].removesuffix(".plugin")
        for name, target in declared["sandbox.algorithms"].items()
        if "backends.sb3" in target
    }
    assert offered == {name: name.upper().replace("-", "_") for name in ALGORITHMS}
    for name, attribute in offered.items():
        assert getattr(catalogue, attribute).name == name
    for name, algorithm in ALGORITHMS.items():
        for reference in (algorithm.head, algorithm.cell_policy, algorithm.export):
            assert reference is None or callable(resolve(reference))
        assert issubclass(config_of(name), Config)
        assert algorithm.source
        assert algorithm.title
        assert (algorithm.masked_by or name) in ALGORITHMS


def test_algorithms_of_sb3_itself_need_no_sb3_contrib() -> None:
    code = (
        "import sys\n"
        "sys.modules['sb3_contrib'] = None\n"
        "import sandbox.backends.sb3.train, sandbox.backends.sb3.import_sb3, sandbox.backends.sb3.export\n"
        "from sandbox.backends.sb3.catalogue import rows\n"
        "from sandbox.backends.sb3.networks import model_class\n"
        "plain = [row for row in rows().values() if 'sb3_contrib' not in row.plugin.requires]\n"
        "print(*(model_class(row).__name__ for row in plain))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    models = [algorithm.model for algorithm in ALGORITHMS.values()]
    assert done.stdout.split() == [name[18:] for name in models if name.startswith("stable_baselines3:")]
