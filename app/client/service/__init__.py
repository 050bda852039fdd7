"""Talking to a service: one connection, its operations by id, resumable uploads, what it answers."""
