"""The documents on disk, a typed model each: every document is written and read through its model."""
