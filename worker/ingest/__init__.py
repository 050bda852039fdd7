"""Ingestion: from uploaded files to a pack and a table of samples."""
