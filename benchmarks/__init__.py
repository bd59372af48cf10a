"""Side-by-side speed runs, one command each: ``python -m benchmarks.NAME``."""
