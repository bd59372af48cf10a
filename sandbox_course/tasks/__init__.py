"""Small processes with answers that are worked out by hand."""
