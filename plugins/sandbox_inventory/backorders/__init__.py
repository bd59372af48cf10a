"""One item with backorders and a fixed cost of ordering."""
