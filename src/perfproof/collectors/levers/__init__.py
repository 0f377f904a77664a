"""What responses, databases and the agent in the service say of the levers' mechanisms; one file per source."""
