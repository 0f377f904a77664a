"""Databases as ``prepare`` left them: kept once per arm, put back before every round."""
