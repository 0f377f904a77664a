"""Text to Scenario: reads a scenario file, reports every mistake with file:line:column and a fix."""
