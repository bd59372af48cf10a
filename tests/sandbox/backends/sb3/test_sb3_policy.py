"""A saved policy acts as before, respects masks and bounds, and notices when it was tampered with."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_tasks import ALGORITHMS, Corridor, config_of, example_action_space, load, short, trained

from sandbox.api import DamagedRunError, Policy
from sandbox.backends.sb3.networks import Network, build_policy
from sandbox.backends.sb3.policy import SB3Policy, network_observation_space
from sandbox.backends.sb3.spaces import sb3_action_space

OBSERVATIONS: dict[str, Any] = {
    "box": spaces.Box(-5, 5, (3,)),
    "box64": spaces.Box(-5, 5, (2, 2), np.float64),
    "discrete": spaces.Discrete(4, start=2),
    "multi-discrete": spaces.MultiDiscrete([2, 3]),
    "multi-binary": spaces.MultiBinary(3),
    "image": spaces.Box(0, 255, (8, 8, 3), np.uint8),
    "dict": spaces.Dict(
        {"x": spaces.Box(-1, 1, (2,)), "phase": spaces.Discrete(3), "y": spaces.MultiBinary(2)}
    ),
    "dict-image": spaces.Dict(
        {"map": spaces.Box(0, 255, (40, 40, 3), np.uint8), "x": spaces.Box(-1, 1, (2,))}
    ),
}
ACTIONS: list[Any] = [
    spaces.Box(np.array([-2, 0], np.float32), np.array([2, 5], np.float32)),
    spaces.Box(-1, 1, (2,), np.float64),
    spaces.Discrete(4, start=-1),
    spaces.MultiDiscrete([2, 3], start=[1, 0]),
    spaces.MultiBinary(3),
]


def claimed(action_spaces: list[Any], names: Any) -> list[tuple[str, Any]]:
    """Pairs of an algorithm and an action space that it says it takes."""
    return [
        (name, space)
        for name in names
        for space in action_spaces
        if type(space).__name__ in ALGORITHMS[name].capabilities.action_spaces
    ]


def untrained(algorithm: str, observation_space: Any, action_space: Any, seed: int = 0) -> SB3Policy:
    row = ALGORITHMS[algorithm]
    network = Network.of(row, config_of(algorithm)(**short(algorithm)))
    torch.manual_seed(seed)
    policy = build_policy(
        row, network_observation_space(observation_space), sb3_action_space(action_space), network
    )
    if row.kind == "evolution":  # starts at zero
        torch.nn.init.normal_(policy.action_net[0].weight)
    return SB3Policy(row, observation_space, action_space, network, policy)


def batch(space: Any, rows: int, seed: int = 0) -> Any:
    space.seed(seed)
    samples = [space.sample() for _ in range(rows)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([sample[key] for sample in samples]) for key in space.spaces}
    return np.stack(samples)


def assert_acts_alike(first: Policy, second: Policy, observations: Any, rows: int) -> None:
    for deterministic in (True, False):
        first.reset(rows, seed=1)
        second.reset(rows, seed=1)
        for _ in range(3):
            actions = first.act(observations, deterministic=deterministic)
            assert (actions == second.act(observations, deterministic=deterministic)).all()


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_trained_policy_comes_back_and_acts_the_same(name: str, normalised: bool, tmp_path: Path) -> None:
    action_space = example_action_space(name)
    hyperparameters = {**short(name), "normalize_observation": normalised}
    policy = trained(name, lambda: Corridor(5, action_space=action_space), hyperparameters, steps=32)
    assert isinstance(policy, Policy)
    policy.save(tmp_path)
    loaded = ALGORITHMS[name].plugin.load(tmp_path)
    assert json.loads((tmp_path / "policy.json").read_text())["algorithm"] == name
    assert (tmp_path / "normaliser.npz").exists() is normalised
    assert (loaded.observation_space, loaded.action_space) == (policy.observation_space, policy.action_space)
    observations = batch(policy.observation_space, 7)
    assert_acts_alike(policy, loaded, observations, 7)
    for action in loaded.act(observations):
        assert action_space.contains(action)


@pytest.mark.parametrize(
    ("name", "observation"),
    [
        (name, observation)
        for name in ("ppo", "dqn", "sac", "recurrent-ppo", "ars")
        for observation, space in OBSERVATIONS.items()
        if type(space).__name__ in ALGORITHMS[name].capabilities.observation_spaces
    ],
)
def test_every_claimed_observation_space_is_acted_on_saved_and_loaded(
    name: str, observation: str, tmp_path: Path
) -> None:
    space = OBSERVATIONS[observation]
    policy = untrained(name, space, example_action_space(name))
    policy.save(tmp_path)
    assert_acts_alike(policy, load(tmp_path), batch(space, 4), 4)


@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_a_process_that_plays_does_not_import_the_compiler_of_torch(name: str, tmp_path: Path) -> None:
    """Making an optimizer does, and takes a second for it."""
    untrained(name, OBSERVATIONS["box"], example_action_space(name)).save(tmp_path)
    program = (
        "import sys; from pathlib import Path; from sandbox.registry.policies import load_policy\n"
        f"load_policy(Path({str(tmp_path)!r})); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=120, check=False).returncode == 0


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("name", ["ppo", "dqn", "sac"])
def test_every_claimed_observation_space_is_trained_on(name: str, observation: str) -> None:
    space, action_space = OBSERVATIONS[observation], example_action_space(name)
    policy = trained(name, lambda: Corridor(4, False, action_space, space), steps=32, rows=2)
    assert policy.act(batch(space, 3)).shape == (3, *action_space.shape)


@pytest.mark.parametrize(("name", "action_space"), claimed(ACTIONS, ALGORITHMS), ids=str)
def test_actions_are_those_of_sb3_and_within_the_space(name: str, action_space: Any) -> None:
    space = OBSERVATIONS["box"]
    policy = untrained(name, space, action_space)
    start = getattr(action_space, "start", 0)
    for rows in (1, 6):
        observations = batch(space, rows, seed=rows)
        policy.reset(rows, seed=0)
        state, starts = None, np.ones(rows, dtype=bool)
        for _ in range(3):
            actions = policy.act(observations)
            theirs, state = policy.policy.predict(observations, state, starts, deterministic=True)
            starts[:] = False
            assert (actions == theirs + start).all()
            assert actions.shape == (rows, *action_space.shape)
            sampled = policy.act(observations, deterministic=False)
            assert all(action_space.contains(action) for action in [*actions, *sampled])
            if ALGORITHMS[name].recurrent:
                policy.reset(rows)
                state, starts = None, np.ones(rows, dtype=bool)


def test_recurrent_state_is_kept_between_steps_and_forgotten_at_reset() -> None:
    policy = untrained("recurrent-ppo", OBSERVATIONS["box"], ACTIONS[0])
    observations = batch(OBSERVATIONS["box"], 2)
    policy.reset(2)
    first, second = policy.act(observations), policy.act(observations)
    assert (first != second).any()
    policy.reset(2)
    assert (policy.act(observations) == first).all()


@pytest.mark.parametrize("name", ["ppo", "recurrent-ppo", "maskable-ppo"])
def test_samples_follow_the_policys_distribution(name: str) -> None:
    policy = untrained(name, OBSERVATIONS["box"], spaces.Discrete(3))
    with torch.no_grad():
        policy.policy.action_net.weight.zero_()
        policy.policy.action_net.bias.copy_(torch.tensor([0.1, 0.6, 0.3]).log())
    policy.reset(20_000, seed=0)
    actions = policy.act(batch(OBSERVATIONS["box"], 20_000), deterministic=False)
    shares = np.bincount(actions, minlength=3) / len(actions)
    assert np.abs(shares - [0.1, 0.6, 0.3]).max() < 0.015


def test_a_policy_that_is_meant_to_be_stochastic_samples_wherever_it_is_played(tmp_path: Path) -> None:
    policy = untrained("ppo", OBSERVATIONS["box"], spaces.Discrete(3))
    policy.stochastic = True
    policy.save(tmp_path)
    observations = np.zeros((500, 3), np.float32)
    again = load(tmp_path)
    again.reset(500, seed=4)
    sampled = again.act(observations, deterministic=True)
    assert len(set(sampled.tolist())) == 3
    again.reset(500, seed=4)
    assert (again.act(observations) == sampled).all(), "the episode's seed repeats them"


def test_continuous_samples_have_the_policys_spread() -> None:
    policy = untrained("ppo", OBSERVATIONS["box"], spaces.Box(-10, 10, (1,)))
    with torch.no_grad():
        policy.policy.log_std.fill_(np.log(0.5))
    observations = np.zeros((20_000, 3), np.float32)
    policy.reset(20_000, seed=0)
    actions = policy.act(observations, deterministic=False)
    assert abs(actions.std() - 0.5) < 0.01
    assert abs(actions.mean() - policy.act(observations[:1]).item()) < 0.015


def test_acting_does_not_touch_the_global_generators() -> None:
    policy = untrained("ppo", OBSERVATIONS["box"], spaces.Discrete(3))
    torch.manual_seed(0)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    policy.act(batch(OBSERVATIONS["box"], 3), deterministic=False)
    another = build_policy(policy.algorithm, policy.observation_space, policy.action_space, policy.network)
    assert another is not policy.policy
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize(("name", "action_space"), claimed(ACTIONS[2:], ALGORITHMS), ids=str)
def test_a_masked_action_is_never_chosen(name: str, action_space: Any, deterministic: bool) -> None:
    task = Corridor(action_space=action_space)
    policy = untrained(name, OBSERVATIONS["box"], action_space)
    generator = np.random.default_rng(0)
    offsets = np.cumsum([0, *task.sizes[:-1]])
    for _ in range(20):
        mask = generator.random((8, sum(task.sizes))) < 0.4
        for row in mask:
            for offset, size in zip(offsets, task.sizes, strict=True):
                row[offset + generator.integers(size)] = True
        actions = policy.act(batch(OBSERVATIONS["box"], 8), mask, deterministic)
        chosen = np.atleast_2d((actions - getattr(action_space, "start", 0)).reshape(8, -1)) + offsets
        assert np.take_along_axis(mask, chosen.astype(int), axis=1).all()


def test_a_row_with_nothing_allowed_still_gets_an_action() -> None:
    for name in ("ppo", "maskable-ppo", "dqn"):
        policy = untrained(name, OBSERVATIONS["box"], spaces.Discrete(3))
        mask = np.zeros((2, 3), dtype=bool)
        assert set(policy.act(batch(OBSERVATIONS["box"], 2), mask)) <= {0, 1, 2}


def edit(folder: Path, change: Any) -> None:
    """Change ``policy.json`` and make its sum right again."""
    path = folder / "policy.json"
    document = json.loads(path.read_text())
    change(document)
    document["sha256"].pop("policy.json")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["sha256"]["policy.json"] = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps(document, indent=2) + "\n")  # as it is laid out when it is written


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(algorithm="os.system"), "not one of this backend"),
        (lambda d: d.update(algorithm="reinforce"), "not one of this backend"),
        (lambda d: d.update(backend="other"), "not one of this backend"),
        (lambda d: d.pop("network"), "'network' is missing"),
        (lambda d: d.pop("observation_space"), "'observation_space' is missing"),
        (lambda d: d["network"].update(features_extractor_class="os.system"), "Extra inputs"),
        (lambda d: d["network"].update(activation="eval"), "activation"),
        (lambda d: d["network"].update(net_arch=[10**12]), "net_arch"),
        (lambda d: d["network"].update(net_arch=[7]), "not those that policy.json describes"),
        (lambda d: d["network"].update(lstm_hidden_size=3), "no policy that can be built"),
        (lambda d: d.update(algorithm="sac"), "no policy that can be built|not those that"),
        (lambda d: d.update(action_space={"type": "Box"}), "description of a space is damaged"),
        (
            lambda d: d.update(observation_space={"type": "Tuple", "spaces": []}),
            "no policy that can be built",
        ),
        (lambda d: d["observation_space"].update(shape=[4], low=-1, high=1), "not those that policy.json"),
    ],
)
def test_a_document_that_was_made_up_is_refused(change: Any, words: str, tmp_path: Path) -> None:
    untrained("ppo", OBSERVATIONS["box"], spaces.Discrete(3)).save(tmp_path)
    edit(tmp_path, change)
    with pytest.raises(DamagedRunError, match=words):
        load(tmp_path)


def test_a_normaliser_of_another_shape_is_refused(tmp_path: Path) -> None:
    from sandbox.backends.policy_files import read_policy, write_policy

    hyperparameters = {**short("ppo"), "normalize_observation": True}
    trained("ppo", Corridor, hyperparameters).save(tmp_path)
    files = read_policy(tmp_path)
    document = {key: value for key, value in files.document.items() if key != "format"}
    assert files.normaliser is not None
    for change in ({"mean:": np.zeros(2)}, {"epsilon": np.zeros(3)}):
        write_policy(tmp_path, document, files.tensors, {**files.normaliser, **change})
        with pytest.raises(DamagedRunError, match="saved normaliser"):
            load(tmp_path)
    write_policy(tmp_path, document, files.tensors, {"epsilon": np.array(1e-8), "clip": np.array(10.0)})
    with pytest.raises(DamagedRunError, match="does not fit"):
        load(tmp_path)
