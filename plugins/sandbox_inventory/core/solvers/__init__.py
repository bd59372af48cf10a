"""Solvers: value iteration, the exact cost of a rule, the search for a rule's parameters, and their cache."""
