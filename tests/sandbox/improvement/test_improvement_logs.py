"""Logs that tell nothing are refused with the reason; tables are read by a mapping."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from sandbox.api import Dataset
from sandbox.api.errors import BrokenFileError, InvalidValueError, MisfitError
from sandbox.datasets.fit import require_fit
from sandbox.datasets.read import read_dataset
from sandbox.improvement.candidates import episodes_of, split
from sandbox.improvement.checks import Reference, require_sound

SPACE, ACTIONS = gym.spaces.Box(0, 10, (2,)), gym.spaces.Discrete(2)
REFERENCE = Reference({"observation[0]": 10.0, "observation[1]": 10.0}, 1.0)


def sound(episodes=60, length=10, seed=0):
    rng = np.random.default_rng(seed)
    count = episodes * length
    last = np.zeros(count, bool)
    last[length - 1 :: length] = True
    return Dataset(
        observations=rng.uniform(0, 10, (count + episodes, 2)),
        actions=rng.integers(2, size=count),
        rewards=rng.uniform(0, 1, count),
        terminated=np.zeros(count, bool),
        truncated=last,
        lengths=np.full(episodes, length),
        probabilities=np.full(count, 0.5),
    )


def check(dataset):
    require_sound(dataset, ACTIONS, SPACE, REFERENCE)


def half(values, factor):
    changed = np.array(values)
    changed[len(changed) // 2 :] *= factor
    return changed


def test_sound_logs_are_not_refused():
    for seed in range(20):
        check(sound(seed=seed))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: replace(d, probabilities=None), "holds no probabilities"),
        (lambda d: replace(d, probabilities=d.probabilities * 100), "episode 0, step 0 is 50, above 1"),
        (lambda d: episodes_of(d, np.arange(5)), "holds 5 episodes; at least 20"),
        (
            lambda d: replace(d, observations=d.observations * 3),
            r"observation\[0\] is .*, outside the task's 0 to 10",
        ),
        (
            lambda d: replace(d, observations=d.observations / 100),
            "in the scenario 10: is it in another unit",
        ),
        (lambda d: replace(d, rewards=d.rewards * 60), "reward reaches"),
        (lambda d: replace(d, rewards=half(d.rewards, 0.5)), "drifts: .*reward"),
        (lambda d: replace(d, observations=half(d.observations, 0.7)), r"drifts: .*observation\[0\]"),
    ],
)
def test_a_log_that_tells_nothing_is_refused_with_the_reason(spoil, message):
    with pytest.raises(BrokenFileError, match=message):
        check(spoil(sound()))


def uneven(episodes=40, length=20, seed=0):
    """A log whose episodes differ by more than a change of unit in a third of them moves their mean."""
    rng = np.random.default_rng(seed)
    dataset = sound(episodes, length, seed)
    return replace(dataset, rewards=-np.repeat(rng.lognormal(0, 0.8, episodes), length) * dataset.rewards)


@pytest.mark.parametrize("seed", range(5))
def test_another_unit_late_in_a_log_is_found_where_episodes_differ_much(seed):
    reference = replace(REFERENCE, reward=10.0)
    require_sound(uneven(seed=seed), ACTIONS, SPACE, reference)
    spoiled = uneven(seed=seed)
    spoiled.rewards[2 * len(spoiled) // 3 :] /= 10
    with pytest.raises(BrokenFileError, match="drifts: the logarithm of reward's size"):
        require_sound(spoiled, ACTIONS, SPACE, reference)


def test_halves_share_no_episode_and_keep_every_step():
    dataset = replace(sound(31, 4), rewards=np.arange(31 * 4.0))
    first, second = split(dataset, 0)
    assert (first.num_episodes, second.num_episodes) == (15, 16)
    assert sorted([*first.rewards, *second.rewards]) == dataset.rewards.tolist()
    assert len(first.observations) == 15 * 5


MAPPING = """\
episode: batch
step: hour
observation: [stock, transit]
action: order
reward: profit
probability: p
terminated: failed
"""
TABLE = """\
batch;hour;stock;transit;order;profit;p;failed
a;0;5;1;2;1.5;0.5;0
a;1;4;2;3;-1;0.25;0
a;2;6;3;;;;
b;7;1;0;0;2;1;0
b;8;2.5;0;1;3;0.75;1
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "map.yaml").write_text(MAPPING)

    def write(text=TABLE, name="log.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name, tmp_path / "map.yaml"

    return write


def test_a_table_is_read_by_its_mapping(table):
    dataset = read_dataset(*table())
    assert dataset.lengths.tolist() == [2, 2]
    assert dataset.observations[:3].tolist() == [[5, 1], [4, 2], [6, 3]]
    assert dataset.actions.tolist() == [2, 3, 0, 1]
    assert dataset.actions.dtype == np.int64
    assert dataset.rewards.tolist() == [1.5, -1, 2, 3]
    assert dataset.probabilities.tolist() == [0.5, 0.25, 1, 0.75]
    assert (dataset.terminated.tolist(), dataset.truncated.tolist()) == (
        [False, False, False, True],
        [False, True, False, False],
    )


def test_without_a_last_observation_the_last_step_is_what_was_seen_last(table):
    shorter = "\n".join(line for line in TABLE.splitlines() if not line.startswith(("a;2", "b;"))) + "\n"
    dataset = read_dataset(*table(shorter))
    assert dataset.rewards.tolist() == [1.5]
    assert dataset.observations.tolist() == [[5, 1], [4, 2]]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("a;1;4;2;3", "a;1;4;x;3", r"line 3.*transit is 'x', not a number"),
        ("a;1;4;2;3", "a;1;4;nan;3", r"line 3.*transit is nan"),
        ("a;1;4;2;3", "a;3;4;2;3", r"episode a goes from step 0 to step 2|goes from step 2 to step 3"),
        ("b;8;2.5;0;1;3", "b;8;2.5;0;1", r"line 6.*has 7 cells, the header has 8"),
        ("stock;", "level;", r"has no column stock; its columns are batch, hour, level"),
        ("a;1;4;2;3;-1;0.25", "a;1;4;2;3;-1;0", r"line 3.*is 0, not above 0"),
        ("b;7;1;0;0;2;1", "b;7;1;0;0;2;-1", r"line 5.*is -1, not above 0"),
        ("a;1;4;2;3;-1", "a;1;4;2;3;1_0", r"line 3.*profit is '1_0', not a number"),
        ("0.75;1", "0.75;2", r"line 6.*failed is 2, neither 0 nor 1"),
        ("a;0;5;1;2;1.5;0.5;0", "a;0;5;1;2;1.5;0.5;1", r"line 2.*episode 0 ends at its step 0, before"),
        ("stock;", "transit;", r"has the column transit 2 times"),
        (TABLE, "", "is empty"),
        ("a;1;4;2;3;-1", "a;1;4;2;3;", r"line 3.*profit is empty"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_reason(table, before, after, message):
    with pytest.raises(BrokenFileError, match=rf"(?s)log\.csv.*{message}"):
        read_dataset(*table(TABLE.replace(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("a;1;4;2;3;", "a;1;4;2;99;", r"its actions hold 99 in line 3, which is none"),
        ("a;1;4;2;3;", "a;1;4;2;2.5;", r"its actions hold 2\.5 in line 3, those of the task are whole"),
    ],
)
def test_an_action_that_is_none_of_the_tasks_is_named_by_its_line(table, before, after, message):
    dataset = read_dataset(*table(TABLE.replace(before, after)))
    with pytest.raises(MisfitError, match=message):
        require_fit(dataset, SPACE, gym.spaces.Discrete(4), "mine")


def test_what_a_row_says_against_its_task_is_named_by_the_rows_line(table):
    rows = [f"e{episode};{step};5;5;1;1;0.5;0" for episode in range(25) for step in range(4)]
    header = TABLE.splitlines()[0]

    def spoiled(line, text):
        changed = [header, *rows]
        changed[line - 1] = text
        return read_dataset(*table("\n".join(changed) + "\n"))

    with pytest.raises(BrokenFileError, match=r"line 40: the probability of the action is 1\.7, above 1"):
        check(spoiled(40, "e9;2;5;5;1;1;1.7;0"))
    with pytest.raises(BrokenFileError, match="line 42: transit is 70, outside the task's 0 to 10"):
        check(spoiled(42, "e10;0;5;70;1;1;0.5;0"))


def test_parquet_holds_the_same(table, tmp_path):
    import pyarrow.csv
    import pyarrow.parquet

    path, mapping = table()
    read = pyarrow.csv.ParseOptions(delimiter=";")
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path, parse_options=read), tmp_path / "log.parquet")
    again = read_dataset(tmp_path / "log.parquet", mapping)
    assert again.rewards.tolist() == read_dataset(path, mapping).rewards.tolist()
    mapping.write_text(f"file: log.parquet\n{MAPPING}")
    assert len(read_dataset(mapping)) == 4


@pytest.mark.parametrize("text", ["", "- batch\n", "batch\n"])
def test_a_mapping_that_maps_nothing_says_what_to_write(table, text):
    path, mapping = table()
    mapping.write_text(text)
    with pytest.raises(BrokenFileError, match=r"map\.yaml: is .*: write keys with values"):
        read_dataset(path, mapping)


def test_a_table_without_a_mapping_and_a_mapping_without_a_table_are_refused(table):
    path, mapping = table()
    with pytest.raises(InvalidValueError, match="nothing says what its columns are"):
        read_dataset(path)
    with pytest.raises(BrokenFileError, match="names no file"):
        read_dataset(mapping)
