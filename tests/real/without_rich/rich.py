"""Stands before the package of this name, which perfproof needs and Datasette does not.

Where Datasette can import it, it draws every error's traceback with all local variables: 30 ms a wrong request.
"""

raise ImportError("rich is not installed")
