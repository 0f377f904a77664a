"""What must hold between the keys of a scenario and of what it names."""
