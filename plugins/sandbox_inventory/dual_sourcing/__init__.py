"""Dual sourcing: a cheap slow source and an expensive fast one."""
