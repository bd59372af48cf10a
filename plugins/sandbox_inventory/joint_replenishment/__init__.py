"""Joint replenishment of several items."""
