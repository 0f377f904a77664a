"""The recorded runs in a browser: read-only pages over the store and the run directories, without any script."""
