"""Algorithms of RLlib: one policy, trained by environments on as many machines as a Ray cluster has."""
