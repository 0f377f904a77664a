"""A small real API, each of whose slow ways can be switched to its fast way by the environment."""
