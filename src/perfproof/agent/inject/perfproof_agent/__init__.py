"""What runs inside the service: standard library only, every hook guarded, off unless PERFPROOF_AGENT_DIR is set."""
