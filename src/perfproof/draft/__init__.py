"""From what a project already has (an OpenAPI document, a HAR, a command line) to the first draft of a scenario.

The way of a draft: a source is read into ``Ask``s (``openapi``, ``har``, ``curl``, ``k6``, ``locust``), the folder
tells how the service starts (``startup``), the service is started once and asked (``trial``), and what was answered as
promised is written down (``writing``).
"""
