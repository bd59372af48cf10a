"""The ring of positions: what is kept, and that images belong together."""

from __future__ import annotations

import numpy as np

from sandbox.api.game import Symmetry
from sandbox.backends.alphazero.replay import Replay, Samples

MIRROR = Symmetry(np.array([2, 1, 0]), np.array([2, 1, 0]))


def samples(first: int, count: int, plane: float = 1.0) -> Samples:
    """Positions numbered by their values; the stone lies where the policy points."""
    numbers = np.arange(first, first + count)
    planes = np.zeros((count, 1, 1, 3), np.float32)
    planes[np.arange(count), 0, 0, numbers % 3] = plane
    policies = np.eye(3, dtype=np.float32)[numbers % 3]
    return Samples(planes, policies, policies > 0, numbers.astype(np.float32))


def test_the_latest_positions_are_kept() -> None:
    replay = Replay(5, (1, 1, 3), 3, ())
    for start in (0, 4, 8):
        replay.add(samples(start, 4))
    assert (len(replay), replay.added) == (5, 12)
    drawn = replay.draw(500, np.random.default_rng(0))
    assert set(drawn.values.tolist()) == {7, 8, 9, 10, 11}


def test_an_image_moves_planes_policy_and_mask_alike() -> None:
    replay = Replay(10, (1, 1, 3), 3, (MIRROR,))
    replay.add(samples(0, 9))
    drawn = replay.draw(400, np.random.default_rng(0))
    assert (drawn.planes[:, 0, 0] == drawn.policies).all()
    assert (drawn.legal == (drawn.policies > 0)).all()
    moved = drawn.policies.argmax(1) != drawn.values.astype(int) % 3
    assert 100 < moved.sum() < 180  # half of the images move two of three


def test_planes_of_zeros_and_ones_take_a_byte_and_others_keep_their_values() -> None:
    replay = Replay(10, (1, 1, 3), 3, ())
    replay.add(samples(0, 3))
    assert replay.get_state()["planes"].dtype == np.uint8
    replay.add(samples(3, 3, plane=0.25))
    drawn = replay.draw(200, np.random.default_rng(0))
    assert set(np.unique(drawn.planes)) == {0.0, 0.25, 1.0}


def test_a_restored_ring_draws_the_same() -> None:
    replay, other = (Replay(5, (1, 1, 3), 3, (MIRROR,)) for _ in range(2))
    replay.add(samples(0, 8))
    other.set_state(replay.get_state())
    for ring in (replay, other):
        ring.add(samples(8, 3))
    mine, theirs = (ring.draw(50, np.random.default_rng(1)) for ring in (replay, other))
    assert mine.values.tolist() == theirs.values.tolist()
    assert mine.planes.tolist() == theirs.planes.tolist()
