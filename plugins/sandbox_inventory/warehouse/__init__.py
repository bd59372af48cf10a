"""One warehouse, many retailers."""
