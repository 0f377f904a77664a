"""The run directory: create, append, seal, read. Versioned formats; nothing is ever half-written."""
