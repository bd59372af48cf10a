"""Bandits: exploration on its own, one decision a step and nothing to plan."""
