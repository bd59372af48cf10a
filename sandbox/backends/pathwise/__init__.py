"""Policies that follow the gradient of the cost itself, through a task's differentiable dynamics."""
