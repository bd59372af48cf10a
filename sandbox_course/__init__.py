"""The claims of the course: what `sandbox compare course` measures, on every domain and algorithm.

Nothing imports this package; it stands on all others (docs/decisions/0078-claims-and-switches.md).
"""
