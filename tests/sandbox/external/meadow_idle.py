"""A meadow whose observations allow idling only."""

from functools import partial

from meadow import Meadow

parallel_env = partial(Meadow, masks=True)
