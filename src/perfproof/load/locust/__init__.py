"""The load process and everything that imports Locust: its users and engines, the pause gate, the egress guard."""
