"""Rules of games over batches of positions."""
