"""What routes have in common: callers, dependencies, idempotency, answers made of rows."""
