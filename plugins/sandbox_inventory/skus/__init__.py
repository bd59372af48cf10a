"""Many items with demand from traces."""
