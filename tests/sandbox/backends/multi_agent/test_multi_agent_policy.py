"""Policies of several agents: whose row is whose, own spaces, files, export."""

import gymnasium as gym
import numpy as np
import pytest
import torch

import sandbox
from sandbox.api import Agents, DamagedRunError, MisfitError
from sandbox.backends.multi_agent.config import NetworkConfig
from sandbox.backends.multi_agent.layout import Layout
from sandbox.backends.multi_agent.policy import JointPolicy, load
from sandbox.outputs.export import export
from sandbox.testing.algorithms import check_algorithm

ALGORITHMS = ["ippo", "mappo", "iql-marl", "vdn", "qmix"]
SMALL = {"net_arch": [8]}


def layout(boxes=False):
    """Two unlike agents."""
    seen = tuple(gym.spaces.Box(-1, 1, (size,)) for size in (2, 4))
    done = (
        (gym.spaces.Box(-1, 1, (1,)), gym.spaces.Box(0, 4, (2,)))
        if boxes
        else (gym.spaces.Discrete(2), gym.spaces.Discrete(3))
    )
    padded = gym.spaces.Box(-1, 4, (2,)) if boxes else gym.spaces.Discrete(3)
    return Layout(Agents(("short", "long"), seen, done), gym.spaces.Box(-1, 1, (4,)), padded)


def policy(boxes=False, greedy=False, **config):
    settings = {"net_arch": [8], "normalize_observation": False} | config
    made = JointPolicy("ippo", layout(boxes), NetworkConfig(**settings), greedy)
    with torch.no_grad():
        for weight in made.actors.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    return made


def rows(environments, seed=0):
    """Observations of both agents; those of the first are padded."""
    seen = np.random.default_rng(seed).uniform(-1, 1, (environments, 2, 4)).astype(np.float32)
    seen[:, 0, 2:] = 0
    return seen.reshape(-1, 4)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("boxes", [True, False])
def test_sampled_actions_are_in_every_agents_own_space(shared, boxes):
    made = policy(boxes, share_parameters=shared)
    made.reset(400, seed=0)
    actions = made.act(rows(200), None, deterministic=False)
    for number, space in enumerate(made.agents.action_spaces):
        for action in actions[number::2]:
            assert space.contains(action[: space.shape[0]] if boxes else action)
    if not boxes:
        assert set(actions[0::2]) == {0, 1}
        assert set(actions[1::2]) == {0, 1, 2}


def test_networks_of_their_own_see_their_own_numbers_alone():
    made = policy(share_parameters=False)
    shapes = [tuple(net[0].weight.shape) for net in made.actors.nets.nets]
    assert shapes == [(8, 2), (8, 4)]
    seen = rows(50)
    changed = seen.copy()
    changed[0::2, 2:] = 9.0  # padding of the first agent
    assert np.array_equal(made.act(seen), made.act(changed))


def test_a_shared_network_tells_agents_apart_only_if_it_is_told_who_they_are():
    same = Agents(("a", "b"), (gym.spaces.Box(-1, 1, (4,)),) * 2, (gym.spaces.Discrete(3),) * 2)
    alike = Layout(same, gym.spaces.Box(-1, 1, (4,)), gym.spaces.Discrete(3))
    seen = np.repeat(rows(60)[1::2], 2, axis=0)
    for told in (True, False):
        config = NetworkConfig(net_arch=[8], normalize_observation=False, agent_id=told)
        made = JointPolicy("ippo", alike, config, greedy=True)
        with torch.no_grad():
            made.actors.nets.nets[0][0].weight.normal_(generator=torch.Generator().manual_seed(0))
        actions = made.act(seen)
        assert np.array_equal(actions[0::2], actions[1::2]) is not told


def test_an_unknown_number_of_agents_is_refused():
    class Three:
        possible_agents = ("a", "b", "c")

    with pytest.raises(MisfitError, match="acts for 2 agents together; this task has 3"):
        policy().bind(Three(), None)
    with pytest.raises(MisfitError, match="3 rows are no whole number"):
        policy().act(rows(2)[:3])


def test_a_saved_policy_is_read_back_and_a_larger_description_than_its_weights_is_refused(tmp_path):
    made = policy(share_parameters=False, normalize_observation=True)
    made.normaliser.update(rows(40).reshape(-1, 2, 4), np.ones((40, 2), bool))
    made.save(tmp_path / "a")
    again = load(tmp_path / "a")
    assert np.array_equal(made.act(rows(50)), again.act(rows(50)))
    assert again.agents == made.agents
    made.config = made.config.model_copy(update={"net_arch": [8192, 8192]})
    made.save(tmp_path / "b")
    with pytest.raises(DamagedRunError, match="describes a network of"):
        load(tmp_path / "b")


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize(
    "check", ["spaces-trained", "same-again", "masks-honoured", "environments-apart", "resumes-exactly"]
)
def test_the_suite_for_algorithms_holds(name, check):
    result = check_algorithm(name, check)
    assert result.status == "passed", result.message


@pytest.mark.parametrize("shared", [True, False])
def test_every_agent_is_exported_on_its_own_observation(tmp_path, shared):
    pytest.importorskip("onnxscript")
    run = sandbox.train(
        "toy/tag", "ippo", steps=96, num_envs=2, hp={**SMALL, "n_steps": 16, "share_parameters": shared}
    )
    made = export(run, out=tmp_path / "files", episodes=1)
    assert sorted(file.name for file in made.path.iterdir()) == ["jumper.onnx", "runner.onnx", "walker.onnx"]
    shapes = {name: each.inputs["observation"][0] for name, each in made.networks.items()}
    assert shapes == {"walker": (None, 2), "runner": (None, 3), "jumper": (None, 5)}
    assert made.largest_difference == 0


def test_training_goes_on_from_a_policy_of_the_same_agents():
    first = sandbox.train("toy/tag", "vdn", steps=96, num_envs=2, hp=SMALL)
    again = sandbox.train("toy/tag", "vdn", steps=96, num_envs=2, hp=SMALL, init_from=first.path)
    assert again.status == "done"
    with pytest.raises(MisfitError, match="trained by vdn"):
        sandbox.train("toy/tag", "qmix", steps=96, num_envs=2, hp=SMALL, init_from=first.path)


def test_one_agent_is_no_task_for_several_learners():
    with pytest.raises(MisfitError, match="single agents, which it does not support"):
        sandbox.train("toy/shelf", "vdn", steps=96)
