"""Why the arms differ: passes after the rounds, mechanisms, profiles, causes, and their part of every report."""
