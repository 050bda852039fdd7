"""Measures how long a reviewer waits: from a key to the next picture, and for the first page of a ranking."""
