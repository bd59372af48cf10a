"""Road networks and their demand: read from SUMO's files, or generated."""
