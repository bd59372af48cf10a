"""Which plugins there are, and what their names and references stand for."""
