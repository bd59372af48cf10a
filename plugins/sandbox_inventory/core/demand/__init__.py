"""Demand: how it is described, its distribution, how it is drawn, and the paths of a batch of episodes."""
