"""When to send (schedule), how (client), what happened (recorder), and the child process that hosts Locust."""
