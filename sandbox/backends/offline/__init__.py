"""Reinforcement learning from recorded episodes alone."""
