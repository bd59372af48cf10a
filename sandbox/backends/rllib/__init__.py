"""Algorithms of RLlib: a policy that learns from environments on all machines of a Ray cluster."""
