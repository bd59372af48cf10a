"""Searches hyperparameters: spaces from typed settings, trials that can stop, and the winner's proof."""
