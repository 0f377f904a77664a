"""One file per command; argv becomes typed options once."""
