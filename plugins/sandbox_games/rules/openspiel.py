"""Any game of OpenSpiel's for two that take turns, without chance and hidden information.

A position is an object of OpenSpiel's, so that batches are arrays of objects. Slower than compiled rules by
far, but a network and a search cost more still.

Source: Lanctot et al. 2019, OpenSpiel: a framework for reinforcement learning in games, arXiv 1908.09453.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, ObservationField, UnknownNameError
from sandbox.api.game import Status, Symmetry


class OpenSpielGame:
    """Rules, see `sandbox.api.game.Game`.

    - **Observation**: OpenSpiel's planes, then one that is 1 for the second player, then one that is 1 if it
      is one's move. A game whose observation is not of three dimensions gets one cell a number.
    - **Action**: as OpenSpiel numbers them.

    Args:
        text: Name and parameters as OpenSpiel takes them, such as ``breakthrough(rows=5,columns=5)``.

    Raises:
        UnknownNameError: For a game that is not there.
        InvalidValueError: For one that cannot be made, or is not of this kind.
    """

    def __init__(self, text: str) -> None:
        self.rules: Any = load(text)
        self.name = f"openspiel:{self.rules}"
        self.num_actions = int(self.rules.num_distinct_actions())
        self.max_length = int(self.rules.max_game_length())
        shape = tuple(self.rules.observation_tensor_shape())
        planes, height, width = shape if len(shape) == 3 else (int(np.prod(shape)), 1, 1)
        self.observation_shape = (planes + 2, height, width)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenSpielGame) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    @cached_property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """Known for Othello alone: half a turn and both diagonals, which keep its first position."""
        if self.rules.get_type().short_name != "othello":
            return ()
        _, height, width = self.observation_shape
        board = np.arange(height * width).reshape(height, width)
        images = [image.ravel().copy() for image in (board[::-1, ::-1], board.T, board[::-1, ::-1].T)]
        return tuple(Symmetry(image, np.append(image, image.size)) for image in images)  # the last is to pass

    def start(self, count: int) -> NDArray[Any]:
        """New games."""
        return _objects([self.rules.new_initial_state() for _ in range(count)])

    def play(self, positions: NDArray[Any], actions: NDArray[np.int64]) -> NDArray[Any]:
        """Clones with one move more."""
        after = []
        for state, action in zip(positions, actions, strict=True):
            clone = state.clone()
            if not clone.is_terminal():
                clone.apply_action(int(action))
            after.append(clone)
        return _objects(after)

    def status(self, positions: NDArray[Any]) -> Status:
        """Who is to move, what has ended, and how."""
        count = len(positions)
        player, over, outcome = (
            np.zeros(count, np.int8),
            np.zeros(count, np.bool_),
            np.zeros(count, np.float32),
        )
        for index, state in enumerate(positions):
            if state.is_terminal():
                over[index], outcome[index] = True, np.sign(state.player_return(0))
            else:
                player[index] = state.current_player()
        return Status(player, over, outcome)

    def legal(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """OpenSpiel's legal actions."""
        mask = np.zeros((len(positions), self.num_actions), np.bool_)
        for index, state in enumerate(positions):
            if not state.is_terminal():
                mask[index, state.legal_actions()] = True
        return mask

    def fields(self) -> list[ObservationField]:
        """What the planes show; OpenSpiel does not say what its own are."""
        planes, height, width = self.observation_shape
        own, board = (planes - 2, height, width), (height, width)
        tensor = f"its observation tensor of the game {self.rules.get_type().short_name}"
        return [
            ObservationField("OpenSpiel's observation", "1", tensor, shape=own),
            ObservationField("seat", "1", "1 everywhere for the second player, else 0", shape=board),
            ObservationField("one's move", "1", "1 everywhere if it is one's move", shape=board),
        ]

    def observe(self, positions: NDArray[Any], players: NDArray[np.int8]) -> NDArray[np.float32]:
        """OpenSpiel's planes, the seat, and whose move it is."""
        planes = np.zeros((len(positions), *self.observation_shape), np.float32)
        size = self.observation_shape[0] - 2
        for index, (state, player) in enumerate(zip(positions, players, strict=True)):
            tensor = state.observation_tensor(int(player))
            planes[index, :size] = np.asarray(tensor, np.float32).reshape(planes[index, :size].shape)
            planes[index, size] = player
            planes[index, size + 1] = not state.is_terminal() and state.current_player() == player
        return planes


def load(text: str) -> Any:
    """A game of OpenSpiel's.

    Raises:
        UnknownNameError: If there is none.
        InvalidValueError: If it cannot be made, or is not for two that take turns and see everything.
    """
    import pyspiel

    name, known = text.partition("(")[0].strip(), pyspiel.registered_names()
    if name not in known:  # OpenSpiel would print all of them
        raise UnknownNameError("game of OpenSpiel", name, known)
    try:
        rules = pyspiel.load_game(text)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise InvalidValueError(f"OpenSpiel cannot make the game '{text[:80]}': {first}") from error
    kind = rules.get_type()
    fits = {
        "it is not for two": rules.num_players() == 2,
        "its players do not take turns": kind.dynamics == pyspiel.GameType.Dynamics.SEQUENTIAL,
        "it has chance moves": kind.chance_mode == pyspiel.GameType.ChanceMode.DETERMINISTIC,
        "its players do not see everything": kind.information
        == pyspiel.GameType.Information.PERFECT_INFORMATION,
        "one's gain is not the other's loss": kind.utility == pyspiel.GameType.Utility.ZERO_SUM,
        "OpenSpiel gives no numbers for what is seen": kind.provides_observation_tensor,
        "it has no moves": rules.num_distinct_actions() > 0,
    }
    wrong = [reason for reason, fine in fits.items() if not fine]
    if wrong:
        raise InvalidValueError(f"The game '{text[:80]}' cannot be played here: {', '.join(wrong)}.")
    return rules


def _objects(states: list[Any]) -> NDArray[Any]:
    array = np.empty(len(states), object)
    array[:] = states
    return array
