"""Instructions per request: the count pass, its sources, and what is concluded from it."""
