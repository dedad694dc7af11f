"""Clean pictures as arrays."""
