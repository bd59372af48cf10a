"""What all families share: demand, orders, simulation of a batch, environments, metrics, solvers, rules."""
