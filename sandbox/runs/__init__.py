"""The run directory: layout, atomic writes, checksums, checkpoints, locks."""
