"""The process behind `limit-audit encoders`, which needs torch; no database, no Celery."""
