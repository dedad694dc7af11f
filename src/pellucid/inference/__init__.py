"""A trained network applied to pixels."""
