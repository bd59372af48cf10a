"""The run directory: layout, atomic writes, checksums, checkpoints, the lock."""
