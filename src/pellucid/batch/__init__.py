"""Many images: what is read, where it is written, what is done already."""
