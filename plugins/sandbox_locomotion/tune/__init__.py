"""Search for the parameters of the classical gaits; the command is ``python -m sandbox_locomotion.tune``."""
