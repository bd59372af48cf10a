"""Environments made elsewhere as tasks: metrics of their rewards and infos, masks, spaces, refusals."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces

import sandbox
from sandbox.api import (
    Domain,
    InvalidValueError,
    Metric,
    MisfitError,
    RewardTerm,
    UnknownNameError,
    gymnasium_task,
    pettingzoo_task,
)
from sandbox.evaluation.rollout import RandomPolicy, play
from sandbox.external.code import wrapped
from sandbox.registry.allowed import allow_modules
from sandbox.registry.discover import registry
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import load_scenario

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _allowed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", "")
    monkeypatch.syspath_prepend(str(HERE))
    allow_modules(["garden", "meadow", "meadow_grazing", "meadow_idle"])
    registry.cache_clear()
    yield
    registry.cache_clear()


def played(env, actions):
    env.reset(seed=0)
    rewards, info = [], {}
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        rewards.append(reward)
        if terminated or truncated:
            break
    return rewards, info


def test_the_return_and_the_length_are_the_metrics_of_what_is_merely_named():
    env = sandbox.make("gym:garden:Parts")
    rewards, info = played(env, [np.array([2, 0, 1])] * 3 + [np.array([1, 1, 1])] * 20)
    assert rewards == [1.0, 1.0, 1.0] + [0.0] * 7
    assert info["metrics"] == {"return": 3.0, "length": 10.0}
    assert info["reward_terms"] == {"reward": 0.0, "steps": 1.0}


def test_a_registered_environment_is_what_gymnasium_makes():
    import gymnasium as gym

    ours, theirs = sandbox.make("gym:CartPole-v1"), gym.make("CartPole-v1")
    assert ours.observation_space == theirs.observation_space
    assert np.array_equal(ours.reset(seed=4)[0], theirs.reset(seed=4)[0])
    for action in (0, 1, 1, 0):
        mine, other = ours.step(action), theirs.step(action)
        assert np.array_equal(mine[0], other[0])
        assert mine[1:4] == other[1:4]


def test_arguments_and_limits_and_wrappers_are_taken():
    env = sandbox.make(
        "gym:CartPole-v1", changes=["config.max_episode_steps=3", "config.kwargs.sutton_barto_reward=true"]
    )
    rewards, info = played(env, [0] * 5)
    assert rewards == [0.0, 0.0, 0.0]
    assert info["metrics"]["length"] == 3
    env = sandbox.make("gym:garden:Far", changes=["config.wrap=[garden:shifted]"])
    assert played(env, [5, 5])[0] == [0.0, -1.0]


@pytest.mark.parametrize(
    ("name", "size", "first"),
    [
        ("Far", 4, [True, False, True, False]),
        ("Board", 3, [True, False, False]),
        ("Pair", 5, [False, True, True, False, True]),
    ],
)
def test_masks_come_from_wherever_an_environment_has_them(name, size, first):
    scenario = as_scenario(f"gym:garden:{name}")
    assert scenario.task.masks
    env = sandbox.make(f"gym:garden:{name}")
    observation, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == first
    assert env.observation_space.contains(observation)
    episode = play(env, RandomPolicy(env.action_space), "random", seed=1)
    if name in ("Far", "Pair"):
        assert episode.ret == 10  # an allowed action is worth 1


@pytest.mark.parametrize("name", ["Parts", "Far", "Board", "Pair", "Picture"])
def test_ppo_trains_on_every_kind_of_space(name, tmp_path):
    scenario = f"gym:garden:{name}"
    run = sandbox.train(
        scenario, "ppo", seed=0, steps=64, num_envs=2, hp={"n_steps": 8, "batch_size": 16}, runs_dir=tmp_path
    )
    table = sandbox.evaluate([run, "random"], scenario, episodes=2)
    assert {agent.name for agent in table.agents} == {"ppo", "random"}


def test_an_image_is_observed_as_an_image():
    env = sandbox.make("gym:garden:Picture")
    assert env.observation_space == spaces.Box(0, 255, (36, 36, 3), np.uint8)
    assert env.reset(seed=0)[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("gym:CartPool-v1", UnknownNameError, "Unknown environment of Gymnasium 'CartPool-v1'"),
        ("gym:garden:Mixed", MisfitError, "neither all choices nor all numbers"),
        ("gym:garden:Words", MisfitError, "observes Text, which no algorithm takes"),
        ("gym:garden:shed", UnknownNameError, "shed"),
        ("gym:garden:Stuck", InvalidValueError, "cannot be reset: the gate is locked"),
        ("pettingzoo:garden", InvalidValueError, "parallel_env"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(name, error, message):
    with pytest.raises(error, match=message):
        sandbox.make(name)


def test_a_name_that_a_module_does_not_have_is_answered_with_those_that_it_has():
    with pytest.raises(UnknownNameError, match="environment of the module garden 'Mixd'") as refused:
        sandbox.make("gym:garden:Mixd")
    assert refused.value.hint == "Did you mean Mixed?"


def test_a_package_that_a_module_needs_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    (tmp_path / "marsh.py").write_text("import no_such_reeds\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidValueError, match="No module named 'no_such_reeds'") as refused:
        sandbox.make("pettingzoo:marsh")
    assert refused.value.hint == "pip install no_such_reeds"


@pytest.mark.parametrize("name", ["gym:os:system", "pettingzoo:os"])
def test_a_name_that_may_come_from_a_file_imports_nothing(name):
    with pytest.raises(InvalidValueError, match="no file may have the module os imported"):
        load_scenario(name)  # what suites call; code of one's own calls as_scenario


@pytest.mark.parametrize(
    ("wrapper", "message"),
    [
        ("broken", "The wrapper 'garden:broken' gives a NoneType, not an environment"),
        ("picky", "The wrapper 'garden:picky' cannot be put around it: only for boxes"),
        ("absent", "The wrapper 'garden:absent' cannot be loaded"),
    ],
)
def test_a_wrapper_that_gives_no_environment_is_refused(wrapper, message):
    with pytest.raises(InvalidValueError, match=message):
        sandbox.make("gym:garden:Far", changes=[f"config.wrap=[garden:{wrapper}]"])


@pytest.mark.parametrize("what", ["gym:{}:Env", "pettingzoo:{}", "wrapper"])
@pytest.mark.parametrize(("text", "message"), [("def (", "SyntaxError"), ("1 / 0", "ZeroDivisionError")])
def test_a_module_that_fails_when_it_is_imported_is_no_bug_of_ours(
    what, text, message, tmp_path, monkeypatch
):
    name = f"failing_{message.lower()}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    def make():
        if what == "wrapper":
            wrapped(object(), [f"{name}:wrap"], "observation_space")
        else:
            sandbox.make(what.format(name))

    with pytest.raises(InvalidValueError, match=message):
        make()


def with_tasks(monkeypatch, *tasks):
    domain = Domain("yard", "Yard", tasks=tasks)
    known = registry()
    original = known.domains.get
    monkeypatch.setattr(
        known.domains, "get", lambda name: domain if name == "yard" else original(name), raising=True
    )
    return domain


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Loads a plugin of a few lines by its path."""

    def load(text):
        path = tmp_path / "plugin.py"
        path.write_text(f"from sandbox.api import *\n{text}")
        (tmp_path / "garden.py").write_text((HERE / "garden.py").read_text())
        monkeypatch.setenv("SANDBOX_PLUGINS", str(path))
        registry.cache_clear()

    return load


def test_a_manifest_of_a_few_lines_has_metrics_terms_and_presets_of_its_own(plugin):
    plugin("""
task = gymnasium_task(
    ".garden:Parts",
    metrics=[
        Metric("wetness", "1", "lower", from_info="wet", how="mean"),
        Metric("wettest", "1", "lower", from_info="wet", how="max"),
        Metric("last", "steps", "higher", from_info="count", how="last"),
        Metric("hits", "1", "higher", from_term="reward"),
    ],
    terms=[RewardTerm("wet", lambda step: step.info["wet"])],
    presets={"dry": {"wet": -1.0}},
)
domain = Domain("yard", "Yard", tasks=(task,))
""")
    env = sandbox.make("yard", reward=["dry"])
    env.reset(seed=0)
    wet, ended, total = [], False, 0.0
    while not ended:
        _, reward, _, ended, info = env.step(np.array([2, 0, 0]))
        wet.append(info["reward_terms"]["wet"])
        total += reward
    assert total == pytest.approx(10 - sum(wet))
    assert info["metrics"] == pytest.approx(
        {"wetness": np.mean(wet), "wettest": max(wet), "last": 10, "hits": 10}
    )


def test_where_a_plugin_lies_does_not_make_its_scenario_another(tmp_path, monkeypatch):
    hashes = set()
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "garden.py").write_text((HERE / "garden.py").read_text())
        (folder / "plugin.py").write_text(
            "from sandbox.api import Domain, gymnasium_task\n"
            'domain = Domain("yard", "Yard", tasks=(gymnasium_task(".garden:Far", masks=True),))\n'
        )
        monkeypatch.setenv("SANDBOX_PLUGINS", str(folder / "plugin.py"))
        registry.cache_clear()
        hashes.add(as_scenario("yard").hash)
    assert len(hashes) == 1


def test_agents_that_leave_are_joined_and_the_metrics_are_means_over_all():
    env = sandbox.make("pettingzoo:meadow")
    env.reset(seed=0)
    present = []
    while env.agents:
        present.append(list(env.agents))
        *_, infos = env.step(dict.fromkeys(env.agents, 1))
    assert [len(agents) for agents in present] == [3, 3, 2, 1]
    # Sheep i earns 1 a step for 2 + i steps: (2 + 3 + 4) / 3.
    assert next(iter(infos.values()))["metrics"]["return"] == pytest.approx(3.0)


def test_masks_of_agents_go_into_the_infos():
    scenario = as_scenario("pettingzoo:meadow", changes=["config.kwargs.masks=true"])
    assert not scenario.task.masks  # what a name stands for is looked at with its own arguments
    task = pettingzoo_task("meadow", kwargs={"masks": True}, masks=True)
    assert task.masks
    assert replace(task, name="x").agents == "parallel"


@pytest.mark.parametrize(("wrapper", "expected"), [("grazing", 3.0), ("idle", 0.0)])
def test_agents_are_trained_and_play_within_masks_of_either_kind(wrapper, expected):
    # Sheep that may only graze earn (2 + 3 + 4) / 3 each; those that may only idle earn nothing.
    scenario = as_scenario(f"pettingzoo:meadow_{wrapper}")
    assert scenario.task.masks
    run = sandbox.train(scenario, "ppo", steps=48, num_envs=2, hp={"n_steps": 8, "batch_size": 16})
    table = sandbox.evaluate([run, "random"], scenario, episodes=2)
    assert [table.mean(name) for name in ("ppo", "random")] == pytest.approx([expected] * 2)


def test_importing_a_manifest_imports_no_environment(plugin):
    plugin('domain = Domain("yard", "Yard", tasks=(gymnasium_task(".garden:Far", masks=True),))')
    for name in [name for name in sys.modules if name.endswith("garden")]:
        del sys.modules[name]
    assert registry().domain("yard").tasks[0].name == "far"
    assert not [name for name in sys.modules if name.endswith("garden")]
    assert as_scenario("yard").task.title == ".garden:Far of Gymnasium"
    assert gymnasium_task("ALE/Pong-v5").name == "pong-v5"
    assert Metric("x", "1", "lower")
    assert RewardTerm("y").weight == 0
