"""The nouns of the glossary as frozen dataclasses: standard library and NumPy only, no behaviour of their own."""
