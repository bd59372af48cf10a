"""The twin: the same networks, demand and signals as on SUMO, as a car-following model in compiled code."""
