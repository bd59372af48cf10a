"""Make the tables and pictures of the systems of the course.

    python -m benchmarks.course_systems [SYSTEM [OPTION…]]

A system is a module of this package with a function ``main(arguments)`` that returns an exit code. Without
one all are made, one after the other, with their defaults: hours of processor time.
"""

from __future__ import annotations

import sys

from benchmarks.parts import hand_over

if __name__ == "__main__":
    sys.exit(hand_over("benchmarks.course_systems", sys.argv[1:]))
