"""Starts of arms and what is sent to them: rounds, warm-up, pace, and single starts for passes beside the rounds."""
