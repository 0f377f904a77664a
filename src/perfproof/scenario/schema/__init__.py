"""The scenario file as pydantic models, one file per part."""
