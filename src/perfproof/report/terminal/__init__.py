"""A result at the terminal: in full, on one screen, and while it is measured."""
