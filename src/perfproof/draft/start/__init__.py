"""How the service of a folder starts, by what lies there."""
