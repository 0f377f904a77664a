"""The passes after the timed rounds that look for causes."""
