"""JSON, YAML and OpenAPI documents of other tools: read, their references followed, values made for their schemas.

What drafts scenarios (``drafting``) and what checks services (``checks``) both need, and nothing of either.
"""
