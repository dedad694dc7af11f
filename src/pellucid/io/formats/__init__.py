"""File formats: each in a file of its own, in which all that is specific to it is found."""
