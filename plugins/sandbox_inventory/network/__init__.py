"""Supply networks: any acyclic graph."""
