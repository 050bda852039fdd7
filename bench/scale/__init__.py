"""Sends a dataset that is large for one machine through the complete service."""
