"""What the families of learning cost and reach, a table at a time.

    python -m benchmarks.families [TABLE [OPTION…]]

A table is a module of this package with a function ``main(arguments)`` that returns an exit code; a name that
begins with an underscore is shared by several. Without a table all are made, one after the other, with their
defaults: hours of processor time.
"""

from __future__ import annotations

import sys

from benchmarks.parts import hand_over

if __name__ == "__main__":
    sys.exit(hand_over("benchmarks.families", sys.argv[1:]))
