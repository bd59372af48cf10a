"""Inner loops compiled by Numba: free cells, wirelength, density, congestion, decoding of orders."""
