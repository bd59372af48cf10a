"""The range of a hyperparameter that ``sandbox tune`` searches, declared on its field.

learning_rate: Annotated[float, Tunable(1e-5, 1e-2, log=True)] = Field(3e-4, gt=0, le=10)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Plain = bool | int | float | str
Choices = tuple[Plain | tuple[Plain, ...], ...]

Limit = Literal["rollout", "warm-up", "minibatch"]


@dataclass(frozen=True, slots=True)
class Tunable:
    """What ``sandbox tune`` searches for a field of an algorithm's config; metadata of ``Annotated``.

    Args:
        low: Lower end of a range, included. A range is of whole numbers where both ends are ints.
        high: Upper end, included.
        log: Draw the order of magnitude.
        complement: Draw 1 - value instead of the value: for discounts the step from 0.99 to 0.999 matters.
        choices: Values to choose from, in place of a range; a sequence is written as a tuple.
        unless: The range is left out where the preset has this value, for example an update interval of 1,
            at which a target network moves softly.
        limit: Leaves out choices that are too large for the budget of a trial. ``"rollout"``: steps of
            each environment, at most a tenth of the training over all environments. ``"warm-up"``: steps over
            all environments, at most a tenth of the training. ``"minibatch"``: samples, at most the longest
            rollout that is searched.

    Raises:
        ValueError: If there is neither a range nor a choice, or if the range is empty.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    complement: bool = False
    choices: Choices = ()
    unless: Plain | None = None
    limit: Limit | None = None

    def __post_init__(self) -> None:
        if self.choices:
            if self.low is not None or self.high is not None or len(set(map(str, self.choices))) < 2:
                raise ValueError("give either two choices or more, or low and high")
        elif self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("a range needs low < high")
        elif self.log and self.low <= 0:
            raise ValueError("a range by order of magnitude begins above 0")
