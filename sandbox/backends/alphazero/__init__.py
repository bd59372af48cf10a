"""Self-play with search: Gumbel AlphaZero on one machine; start at `train`."""
