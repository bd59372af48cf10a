"""The systems of the course, each with one command that makes its tables and pictures."""
