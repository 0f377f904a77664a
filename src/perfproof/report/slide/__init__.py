"""A result as one page for a slide."""
