"""Image files: read into memory, written from it, and everything that a file carries next to its pixels."""
