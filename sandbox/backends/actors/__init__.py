"""A stochastic policy network on flat observations, for the backends that have no such thing of their own."""
