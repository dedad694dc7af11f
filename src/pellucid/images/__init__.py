"""Pictures: in memory, on disk, their noise and how they are measured."""
