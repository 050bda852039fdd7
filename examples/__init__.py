"""Worked examples against a running service."""
