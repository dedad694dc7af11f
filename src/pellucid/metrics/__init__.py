"""How far an image is from another, and how noisy it is."""
