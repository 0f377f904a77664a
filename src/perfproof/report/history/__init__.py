"""The history of a scenario: at the terminal, as a page, as CSV and as JSON."""
