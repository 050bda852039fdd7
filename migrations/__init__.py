"""Alembic migrations of app's tables."""
