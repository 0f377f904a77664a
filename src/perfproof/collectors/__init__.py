"""Observes the service and the machine from outside: process tree, environment. One file per source."""
