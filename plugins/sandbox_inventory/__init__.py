"""Inventory control: exact, batched models with the optimum beside the agent wherever it can be computed."""
