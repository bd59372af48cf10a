"""Environments from scenarios: single, vectorised, multi-agent; seeding and state."""
