"""The folder that goes onto the service's PYTHONPATH."""
