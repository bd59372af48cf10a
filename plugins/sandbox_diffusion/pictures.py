"""Images as pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array


def tiled(images: Array, columns: int, cell: int, gap: int = 2) -> NDArray[np.uint8]:
    """Images side by side, row by row, on grey.

    Args:
        images: Shape ``(n, channels, height, width)`` with 1 or 3 channels (of others the first is shown),
            pixels 0 to 1.
        columns: Images in a row.
        cell: Screen pixels a side of a pixel.
        gap: Screen pixels between images.

    Returns:
        Shape ``(height, width, 3)``.
    """
    count, channels, height, width = images.shape
    shown = images if channels == 3 else np.repeat(images[:, :1], 3, axis=1)
    large = (255 * shown).round().astype(np.uint8).transpose(0, 2, 3, 1).repeat(cell, 1).repeat(cell, 2)
    rows = -(-count // columns)
    down, right = height * cell + gap, width * cell + gap
    canvas = np.full((rows * down + gap, columns * right + gap, 3), 110, np.uint8)
    for number, image in enumerate(large):
        top, left = gap + number // columns * down, gap + number % columns * right
        canvas[top : top + height * cell, left : left + width * cell] = image
    return canvas
