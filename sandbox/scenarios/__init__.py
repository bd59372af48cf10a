"""Scenario files: found, read, validated, overridden, hashed."""
