"""Serial multi-echelon systems."""
