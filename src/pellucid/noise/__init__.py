"""Simulated degradations as values, one formula each for NumPy and torch."""
