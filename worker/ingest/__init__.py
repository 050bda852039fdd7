"""Ingestion: an uploaded file becomes a pack and a table of samples."""
