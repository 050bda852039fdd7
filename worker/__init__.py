"""The Celery jobs: ingestion, training, finishing, maintenance."""
