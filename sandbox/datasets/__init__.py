"""Logged episodes from disk: read, checked, and compared with a task's spaces."""
