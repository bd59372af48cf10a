"""Array types that the whole plugin shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Image = NDArray[np.float32]
Orientations = NDArray[np.int8]

Places = Ints
"""A placement on the grid, shape ``(n, 3)``: column, row and orientation choice k of every macro.

Column and row are those of the lower-left corner of the macro's footprint; k is −1 for a macro that is not
placed.
"""

Box = tuple[float, float, float, float]
"""Least x, greatest x, least y, greatest y; least x > greatest x for an empty box."""

Canvas = tuple[float, float, float, float]
"""Left, bottom, right and top of the area to place in."""

Rectangles = Floats
"""Left, bottom, right and top of rectangles, shape ``(R, 4)``."""
