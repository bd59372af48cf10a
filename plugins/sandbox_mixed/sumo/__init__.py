"""The same traffic on SUMO: the ring, and Flow's figure-eight, merge and bottleneck."""
