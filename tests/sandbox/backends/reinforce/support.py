"""What the tests of REINFORCE share: the toys, and training contexts over them."""

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sandbox.api import TrainContext
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.train import train


class SeededSync(SyncVectorEnv):
    """Copies of an environment, with the seeds of their first episodes fixed, as training gets them."""

    def __init__(self, make, num_envs, seed):
        super().__init__([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
        self._first = seed

    def reset(self, *, seed=None, options=None):
        if seed is None:
            seed, self._first = self._first, None
        return super().reset(seed=seed, options=options)


def context(make_envs, config=None, *, steps=1000, seed=0, num_envs=4, update=None, **rest):
    """A training context; the spaces are those of a single environment."""
    probe = make_envs(1)
    observation_space, action_space = probe.single_observation_space, probe.single_action_space
    probe.close()
    return TrainContext(
        make_envs=make_envs,
        observation_space=observation_space,
        action_space=action_space,
        config=config or ReinforceConfig(),
        steps=steps,
        seed=seed,
        num_envs=num_envs,
        update=update or (lambda steps, policy, values=None, state=None: None),
        **rest,
    )


def trained(make_envs, steps, *, seed=0, num_envs=4, log=None, **hyperparameters):
    """The policy trained for ``steps``; ``log`` collects every update's ``(steps, values)``."""

    def update(steps, policy, values=None, state=None):
        if log is not None:
            log.append((steps, dict(values)))

    config = ReinforceConfig(**hyperparameters)
    return train(context(make_envs, config, steps=steps, seed=seed, num_envs=num_envs, update=update))


def weights_of(policy):
    """All parameters as one vector."""
    return torch.cat([p.detach().ravel() for p in policy.actor.parameters()]).numpy()


def rows(*values):
    """A float32 column, one number a row."""
    return np.array(values, np.float32)[:, None]
