"""A perishable item with a fixed life."""
