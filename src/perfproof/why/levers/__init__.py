"""What people change to make a service faster, each with the rule that recognises it."""
