"""Datasets are read whole, fit the task, or are refused with what is wrong where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import sandbox
from sandbox.api import BrokenFileError, MisfitError
from sandbox.api.data import Dataset
from sandbox.datasets.arrays import write_arrays
from sandbox.datasets.build import build
from sandbox.datasets.fit import require_fit
from sandbox.datasets.read import read_dataset
from sandbox.outputs.record import record

COLUMNS: dict[str, Any] = {
    # Two episodes: three steps that terminate, two that a limit cuts off. Observations count steps.
    "observations": np.array([[0.0], [1.0], [2.0], [3.0], [10.0], [11.0], [12.0]], np.float32),
    "actions": np.array([0, 1, 0, 1, 1]),
    "rewards": np.array([1.0, 2.0, 3.0, 10.0, 20.0]),
    "terminated": np.array([False, False, True, False, False]),
    "truncated": np.array([False, False, False, False, True]),
    "lengths": np.array([3, 2]),
    "masks": np.array([[True, step % 2 == 0] for step in range(7)]),
    "probabilities": np.array([0.5, 0.5, 0.25, 1.0, 0.5]),
}
BOX = gym.spaces.Box(0.0, 20.0, (1,), np.float32)


def dataset(**changes: Any) -> Dataset:
    copies = {name: np.array(value) for name, value in COLUMNS.items()}
    return build(Path("log.npz"), "", copies | changes, {})


def test_the_last_step_of_an_episode_leads_to_its_own_last_observation():
    whole = dataset().batch(slice(None))
    assert whole.observation[:, 0].tolist() == [0, 1, 2, 10, 11]
    assert whole.next_observation[:, 0].tolist() == [1, 2, 3, 11, 12]
    assert whole.next_mask.tolist() == [[True, step % 2 == 0] for step in (1, 2, 3, 5, 6)]


def test_steps_come_in_the_order_asked_for_and_episodes_one_by_one():
    data = dataset()
    some = data.batch(np.array([4, 0]))
    assert some.next_observation[:, 0].tolist() == [12, 1]
    assert some.probability.tolist() == [0.5, 0.5]
    assert data.episode(1).reward.tolist() == [10, 20]
    assert data.returns.tolist() == [6, 30]
    assert (len(data), data.num_episodes) == (5, 2)


def test_a_log_that_simply_stops_is_truncated_there():
    assert dataset(truncated=np.zeros(5, bool)).truncated.tolist() == [False, False, False, False, True]


def test_an_archive_comes_back_as_it_was_written(tmp_path):
    file = tmp_path / "log.npz"
    parts = {"near": COLUMNS["observations"], "far": COLUMNS["observations"] + 1}
    write_arrays(file, dataset(observations=parts))
    read = read_dataset(file)
    assert set(read.observations) == {"near", "far"}
    assert read.batch(slice(None)).next_observation["far"][:, 0].tolist() == [2, 3, 4, 12, 13]
    assert read.probabilities.tolist() == COLUMNS["probabilities"].tolist()
    assert len(read.digest) == 64


@pytest.mark.usefixtures("toys")
def test_what_sandbox_records_is_read_with_its_masks_and_its_maker(tmp_path):
    pytest.importorskip("minari")
    made = record("toy/forage", "greedy", 4, root=tmp_path)
    data = read_dataset(made.path)
    assert data.num_episodes == 4
    assert data.lengths.tolist() == [episode.length for episode in made.episodes]
    assert data.returns == pytest.approx([episode.ret for episode in made.episodes])
    steps = data.batch(slice(None))
    assert steps.mask[np.arange(len(data)), steps.action].all()  # greedy takes allowed actions only
    assert data.facts["agent"] == "greedy"
    assert data.facts["scenario"] == "toy/forage"


@pytest.mark.usefixtures("toys")
def test_observations_in_parts_are_read_in_parts(tmp_path):
    pytest.importorskip("minari")
    made = record("toy/stall", "optimal", 2, root=tmp_path)
    env = sandbox.make("toy/stall")
    data = read_dataset(made.path)
    require_fit(data, env.observation_space, env.action_space, "toy/stall")
    assert set(data.observations) == set(env.observation_space.spaces)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards": np.array([1.0, 2.0, np.nan, 1.0, 1.0])}, "rewards of episode 0, step 2 is not finite"),
        (
            {"observations": np.array([[0], [0], [0], [0], [0], [np.inf], [0]], np.float32)},
            "observations of episode 1, step 1 is not finite",
        ),
        ({"actions": np.array([0, 1])}, "actions has 2 rows, but 2 episodes of 5 steps in all need 5"),
        ({"masks": np.ones((5, 2), bool)}, "masks has 5 rows, but 2 episodes of 5 steps in all need 7"),
        ({"rewards": None}, "has no rewards"),
        ({"rewards": np.zeros(0), "lengths": np.zeros(0, int)}, "holds no steps"),
        ({"lengths": np.array([5, 0])}, "episode 1 has no steps"),
        ({"terminated": np.array([True, False, True, False, False])}, "episode 0 ends at its step 0"),
        (
            {"probabilities": np.array([0.5, 0.5, 0.5, 0.0, 1.0])},
            "the probability of the action in episode 1, step 0 is 0",
        ),
        ({"actions": np.array(["left"] * 5)}, "actions holds <U4, not numbers"),
    ],
)
def test_a_dataset_that_contradicts_itself_is_refused_with_the_place(changes, message):
    with pytest.raises(BrokenFileError, match=message.replace("(", r"\(")):
        dataset(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"observations": np.zeros((7, 2))},
            r"its observations have the shape \(2,\), those of the task \(1,\)",
        ),
        ({"observations": {"a": np.zeros((7, 1))}}, "its observations have the parts a"),
        (
            {"actions": np.array([0, 1, 2, 0, 0])},
            "its actions hold 2 in episode 0, step 2, which is none of the task's",
        ),
        ({"masks": np.ones((7, 3), bool)}, r"its masks have the shape \(3,\), those of the task \(2,\)"),
        ({"actions": np.zeros(5)}, "its actions are float64, those of the task are whole numbers"),
    ],
)
def test_a_dataset_of_another_task_is_refused_with_the_difference(changes, message):
    with pytest.raises(MisfitError, match=message):
        require_fit(dataset(**changes), BOX, gym.spaces.Discrete(2), "toy/x")
    require_fit(dataset(), BOX, gym.spaces.Discrete(2), "toy/x")


def test_a_choice_is_counted_from_where_its_space_starts():
    require_fit(dataset(actions=np.array([5, 6, 5, 6, 6])), BOX, gym.spaces.Discrete(2, start=5), "toy/x")
    with pytest.raises(MisfitError, match="hold 0"):
        require_fit(dataset(), BOX, gym.spaces.Discrete(2, start=5), "toy/x")


def test_a_continuous_action_outside_the_bounds_is_refused_and_rounding_is_not():
    actions = np.array([[0.0], [1.0], [-1.0], [1.0 + 1e-7], [0.5]])
    box = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    require_fit(dataset(actions=actions, masks=None), BOX, box, "toy/x")
    with pytest.raises(MisfitError, match=r"its action 1\.5 in episode 0, step 1 lies outside"):
        require_fit(dataset(actions=actions * 1.5, masks=None), BOX, box, "toy/x")
    with pytest.raises(MisfitError, match="masks of actions, which numbers do not have"):
        require_fit(dataset(actions=actions), BOX, box, "toy/x")


def test_damaged_and_foreign_files_are_refused_without_running_anything(tmp_path):
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "objects.npz", observations=np.array([{"a": 1}], dtype=object))
    (tmp_path / "folder").mkdir()
    for name, reason in (
        ("cut.npz", "no whole .npz archive"),
        ("objects.npz", "no whole .npz archive"),
        ("folder", "is no dataset"),
        ("missing", "does not exist"),
    ):
        with pytest.raises(BrokenFileError, match=reason):
            read_dataset(tmp_path / name)


@pytest.mark.usefixtures("toys")
def test_a_minari_file_that_is_cut_off_is_refused(tmp_path):
    pytest.importorskip("minari")
    made = record("toy/shelf", "fill", 2, root=tmp_path)
    file = made.path / "data" / "main_data.hdf5"
    file.write_bytes(file.read_bytes()[:2_000])
    with pytest.raises(BrokenFileError, match="cannot be read"):
        read_dataset(made.path)


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("actions", "episode_1 has no actions; it holds infos, observations, rewards"),
        ("rewards", "episode_1 has no rewards"),
        (None, "holds no episodes"),
    ],
)
def test_a_minari_file_without_a_column_says_which_episode_lacks_it(tmp_path, column, message):
    pytest.importorskip("minari")
    import h5py

    made = record("toy/shelf", "fill", 2, root=tmp_path)
    with h5py.File(made.path / "data" / "main_data.hdf5", "a") as content:
        for name in [f"episode_1/{column}"] if column else list(content):
            del content[name]
    with pytest.raises(BrokenFileError, match=message):
        read_dataset(made.path)
