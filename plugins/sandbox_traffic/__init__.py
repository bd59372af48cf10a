"""Traffic: signal control on SUMO."""
