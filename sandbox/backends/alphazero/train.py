"""AlphaZero from top to bottom: rounds of self-play, and beside each the learning from those before it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import torch

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import RunFailedError
from sandbox.backends.alphazero.config import AlphaZeroConfig
from sandbox.backends.alphazero.learn import fit, make_optimizer
from sandbox.backends.alphazero.network import Evaluator
from sandbox.backends.alphazero.policy import AlphaZeroPolicy
from sandbox.backends.alphazero.replay import Replay
from sandbox.backends.alphazero.search import searchers
from sandbox.backends.alphazero.self_play import SelfPlay
from sandbox.backends.alphazero.state import Progress
from sandbox.backends.policy_files import read_policy


def train(context: TrainContext) -> AlphaZeroPolicy:
    """Train by self-play; see `sandbox.api.Algorithm.train`.

    A round is played with the weights at its beginning while the network learns, in a thread of its own,
    from the rounds before it: both take about as long as the longer one, and the result does not depend on
    which is faster.

    Raises:
        MisfitError: If the environments are no games, or somebody else plays one of the seats.
        RunFailedError: If the loss is no longer a finite number.
    """
    config: AlphaZeroConfig = context.config
    began = time.process_time()
    policy = AlphaZeroPolicy(context.observation_space, context.action_space, config, context.seed)
    if context.initial is not None and context.resume is None:
        policy.take(read_policy(context.initial), context.initial)
    with ExitStack() as stack:
        envs = context.make_envs(context.num_envs)
        stack.callback(envs.close)
        pool = stack.enter_context(searchers(config.threads))
        learner = stack.enter_context(ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)))
        draws, order = (np.random.default_rng([context.seed, stream]) for stream in (1, 2))
        self_play = SelfPlay(envs, config, draws)
        game = self_play.game
        symmetries = game.symmetries if config.symmetries else ()
        replay = Replay(config.buffer_size, game.observation_shape, game.num_actions, symmetries)
        optimizer = make_optimizer(policy.network, config)
        progress = Progress(policy.network, optimizer, self_play, replay, draws, order)
        if context.resume is not None:
            progress.restore(context.resume)
        if context.resume is None or not context.resume.environments:
            self_play.begin()
        if context.resume is not None:
            context.update(progress.steps, policy.snapshot, None, progress.write)

        while progress.steps < context.steps:
            # 1. Learn from what was played before, as often as it is owed.
            batches = int(progress.owed // config.batch_size)
            progress.owed -= batches * config.batch_size
            share = progress.steps / context.steps
            evaluator = Evaluator(policy.network)
            learned = learner.submit(fit, policy.network, optimizer, replay, config, batches, share, order)

            # 2. Meanwhile play a round with the weights as they were.
            samples, figures = self_play.play(evaluator, pool, config.moves_per_round)

            # 3. Both are through: the positions of games that ended are learned from in the next round.
            figures |= learned.result()
            if not np.isfinite(list(figures.values())).all():
                raise RunFailedError(
                    f"The network's loss is no longer a finite number after {progress.steps} steps.",
                    "Lower learning_rate.",
                )
            replay.add(samples)
            progress.owed += config.reuse * len(samples.values)
            progress.steps += envs.num_envs * config.moves_per_round
            figures |= {"positions": float(replay.added), "buffer": float(len(replay))}
            figures["cpu_minutes"] = (
                time.process_time() - began
            ) / 60  # all threads, since here or the last stop
            more = progress.steps < context.steps
            context.update(progress.steps, policy.snapshot, figures, progress.write if more else None)

        # What the last rounds brought is learned from too.
        fit(policy.network, optimizer, replay, config, int(progress.owed // config.batch_size), 1.0, order)
    policy.network.eval()
    return policy
