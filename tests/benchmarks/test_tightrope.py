"""The walk on a rope on which imitation is measured."""

import numpy as np

from benchmarks.families import imitation
from sandbox_course.tasks.tightrope import CLIMB, Tightrope, demonstrations, excess_cost


class Right:
    """Reads off the right action, but climbs only if it may."""

    def __init__(self, climbs=True, mistaken_at=()):
        self.climbs, self.mistaken_at, self.clock = climbs, mistaken_at, 0

    def act(self, seen):
        above = (seen[:, 1] > 0.5 + 0.3 * np.sin(2 * np.pi * seen[:, 0])).astype(np.int64)
        on_rope = 1 - above if self.clock in self.mistaken_at else above
        self.clock += 1
        return np.where(seen[:, 2] == 1, CLIMB if self.climbs else 0, on_rope)


def test_the_expert_never_falls_and_never_shows_how_to_climb():
    dataset = demonstrations(horizon=16, steps=160, seed=0)
    assert (len(dataset), dataset.num_episodes) == (160, 10)
    assert len(dataset.observations) == 170
    assert set(dataset.actions) == {0, 1}
    assert not dataset.observations[:, 2].any()
    assert excess_cost(Right(), 16, walks=20, seed=1) == 0


def test_a_mistake_costs_one_step_who_climbs_and_the_rest_of_the_walk_who_does_not():
    assert excess_cost(Right(mistaken_at=[5]), 16, walks=20, seed=1) == 1
    assert excess_cost(Right(climbs=False, mistaken_at=[5]), 16, walks=20, seed=1) == 16 - 6


def test_the_right_action_is_told_at_every_step():
    envs = Tightrope(4, 3, seed=0)
    envs.reset()
    for _ in range(9):
        observation, *_, info = envs.step(np.zeros(3, np.int64))
        assert (info["expert_action"] == Right().act(observation)).all()


def test_asking_costs_less_than_records_at_equal_labels(monkeypatch):
    monkeypatch.setattr(imitation, "LABELS", 512)
    monkeypatch.setattr(imitation, "UPDATES", 800)
    monkeypatch.setattr(imitation, "WALKS", 200)
    assert imitation._excess("dagger", 64, seed=0) < imitation._excess("bc", 64, seed=0) / 3
