"""Learning what an expert does: from records, by asking it, or by passing for it."""
