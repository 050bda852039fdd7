"""Measures how close the service is to the hardware's limit; see docs/speed.md."""

import os

# The worker's modules read the settings when they are imported; what is measured here opens its own service.
os.environ.setdefault("LIMIT_AUDIT_DATABASE_URL", "postgresql+psycopg://nowhere/nothing")
os.environ.setdefault("LIMIT_AUDIT_BROKER_URL", "redis://nowhere")
os.environ.setdefault("LIMIT_AUDIT_STORAGE_DIR", "/nonexistent")
