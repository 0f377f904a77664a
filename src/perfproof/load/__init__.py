"""Load: schedule (when), pools and blocks (how), recorders (what happened), and the client of the load process."""
