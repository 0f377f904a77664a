"""What responses, databases and the agent say of the levers' mechanisms; one file per source."""
