"""What all inventory tasks share: demand, the simulation of a batch, environments, rules, solvers' cache."""
