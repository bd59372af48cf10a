"""Version of the contract between the core and plugins."""

API_VERSION = 1
"""A plugin that was built for another version is listed as broken and not loaded."""
