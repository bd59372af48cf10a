"""REINFORCE, the likelihood-ratio policy gradient, written to be read; start at `train`."""
