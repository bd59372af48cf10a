"""A stochastic policy network on flat observations, shared by REINFORCE and RLlib."""
