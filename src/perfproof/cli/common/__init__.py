"""What several commands share: options, the session, the console, the gate."""
