"""Checks of what a service promises beside its speed: one protocol, a folder for each check, found by entry points.

``protocol`` says what a check is, ``arm`` what it is given, ``registry`` which there are. A check asks a service that
runs and compares what it saw; starting services, storing facts and judging is done by others.
"""
