"""Applied reinforcement learning on real simulators."""
