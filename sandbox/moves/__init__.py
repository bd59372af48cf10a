"""Decisions of an agent that no classical method takes, and what they are worth, proved by branching."""
