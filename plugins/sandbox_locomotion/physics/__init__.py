"""Batches of MuJoCo simulations, stepped in threads and worker processes; knows nothing of the tasks."""
