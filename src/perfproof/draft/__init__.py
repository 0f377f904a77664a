"""From what a project already has (an OpenAPI document, a HAR, a command line) to the first draft of a scenario.

The way of a draft: a source is read into ``DraftRequest``s (``sources``), the folder tells how the service starts
(``start``), the service is started once and asked (``trial``), and what was answered as promised is written down
(``write``).
"""
