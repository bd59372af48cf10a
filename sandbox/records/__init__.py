"""The documents on disk, one typed model each: what is written through a model is read back through it."""
