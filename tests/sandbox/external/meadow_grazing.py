"""A meadow whose infos allow grazing only."""

from functools import partial

from meadow import Meadow

parallel_env = partial(Meadow, tell=True)
