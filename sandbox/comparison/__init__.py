"""Compares agents over scenarios and training seeds: the grid, its cells on disk, and what they say."""
