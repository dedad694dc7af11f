"""Clean images as arrays."""
