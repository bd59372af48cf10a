"""Environments of Gymnasium and PettingZoo as tasks: their names, spaces, rewards and metrics."""
