"""The machine itself: cores and who else uses them, its fingerprint, the signals it sends."""
