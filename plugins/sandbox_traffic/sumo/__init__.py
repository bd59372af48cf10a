"""SUMO: the simulator in a process of its own, the files it reads, and the trips it writes."""
