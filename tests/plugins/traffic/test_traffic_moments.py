"""Moments that are kept as a process: what goes on from them is what a replay leads to, to the last bit."""

from __future__ import annotations

from traffic_support import COLOGNE1

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.reward import PRESETS


def branch(env: SignalEnv, shift: int) -> list[tuple[bytes, float]]:
    played = []
    for number in range(20):
        observation, reward, *_ = env.step((number // 5 + shift) % 4)
        played.append((observation.tobytes(), reward))
    return played


def test_branches_from_a_kept_moment_are_those_of_a_replay() -> None:
    env = SignalEnv(SignalConfig(**COLOGNE1, duration=400), PRESETS["delay"])
    env.reset(seed=3)
    for number in range(30):
        env.step(number // 6 % 4)
    state, present, held = env.get_state(), env.batch.observations().tobytes(), env.hold()
    played = {}
    for shift in (0, 1, 0):
        env.go_on(held)
        assert env.batch.observations().tobytes() == present
        env.redraw(7)
        played.setdefault(shift, []).append(branch(env, shift))
    assert played[0][0] == played[0][1] != played[1][0]
    for shift in (0, 1):
        env.set_state(state)
        env.redraw(7)
        assert branch(env, shift) == played[shift][0]
    held.release()
    env.close()
