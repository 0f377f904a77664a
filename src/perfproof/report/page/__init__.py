"""A result as one offline HTML page."""
