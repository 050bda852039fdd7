"""The Celery applications, and the processes that run them."""
