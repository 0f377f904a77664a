"""Starts the arms, waits until they are healthy, finds their processes, and leaves none behind."""
