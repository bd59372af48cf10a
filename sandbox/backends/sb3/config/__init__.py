"""Hyperparameters of every algorithm, typed and bounded; those of a kind share a module."""
