"""The beer game."""
