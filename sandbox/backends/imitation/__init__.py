"""Learning what an expert does: from its records (`cloning`), or by asking it (`dagger`)."""
