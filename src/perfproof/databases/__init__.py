"""What a service does at its database: sources of statement counts, their fingerprints, and how they are merged."""
